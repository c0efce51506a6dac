import { exactnessSuite } from './exact.cases.ts';

exactnessSuite({ prompts: 200, tokens: 200 });
exactnessSuite({ prompts: 60, tokens: 40, device: 'ort-cpu' });
