import { exactnessSuite } from './exact.cases.ts';

exactnessSuite({ prompts: 200, tokens: 200 });
