// Widely used clients against a running `up` on nano. Every answer and every stream is checked against OpenAI's published
// API (published.ts).
import { beforeAll } from 'vitest';
import { nano as embedded } from '../../support/models/nano.ts';
import { langchainSuite } from './langchain.cases.ts';
import { type Nano, startNano } from './nano.ts';
import { openaiSuite } from './openai.cases.ts';
import { responsesSuite } from './responses.cases.ts';
import { scoringSuite } from './scoring.cases.ts';
import { vercelSuite } from './vercel.cases.ts';

let nano: Nano;
beforeAll(async () => {
  nano = await startNano();
});

openaiSuite(() => nano);
responsesSuite(() => nano);
vercelSuite(() => nano);
langchainSuite(() => nano);
scoringSuite('nano', () => nano, { dir: async () => embedded, each: 0.03, sum: 0.15 });
