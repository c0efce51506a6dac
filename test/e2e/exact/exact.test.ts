import { exactnessSuite } from './exact.cases.ts';

exactnessSuite({ prompts: 24, tokens: 30 });
exactnessSuite({ prompts: 12, tokens: 12, device: 'ort-cpu' });
