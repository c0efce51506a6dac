import { exactnessSuite } from './exact.cases.ts';

exactnessSuite({ prompts: 24, tokens: 30 });
