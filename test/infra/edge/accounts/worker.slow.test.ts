// Keys, limits and usage in the Worker, under `wrangler dev` with D1 and Durable Objects: the same cases as on Node.
import { afterAll, describe } from 'vitest';
import { type EdgeProcess, startEdge } from '../../edge-process.ts';
import { limitCases } from '../limits/limits.cases.ts';
import { startStandIn } from '../stand-in.ts';
import { ADMIN, answerWithUsage, callsOver, type Opened, SECRET } from './edge-with-accounts.ts';
import { keyCases } from './keys.cases.ts';

const started: EdgeProcess[] = [];
afterAll(async () => {
  for (const edge of started) await edge.stop();
});

async function openWorker(): Promise<Opened> {
  const gateway = await startStandIn(answerWithUsage);
  const edge = await startEdge([gateway.url], { secret: SECRET, adminSecret: ADMIN, region: 'eu' });
  started.push(edge);
  return { ...callsOver((path, init) => fetch(edge.url + path, init)), gateway };
}

describe('in the Worker', () => {
  describe('keys', () => keyCases(openWorker));
  describe('limits', () => limitCases(openWorker));
});
