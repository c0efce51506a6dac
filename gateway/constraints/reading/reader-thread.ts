// The thread that reads specifications that take long. The main thread terminates this one if it takes too long or too much memory.
import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { GrammarSpec } from '../specification.ts';
import { answerOf, read, threadMs } from './read.ts';
import type { Answered } from './reader.ts';

if (parentPort === null) throw new Error('this module is the entry of a worker thread');
const parent = parentPort;
// On Linux, setPriority changes the calling thread alone. Elsewhere it would change the whole process.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
parent.on('message', (spec: GrammarSpec) => {
  const startedAt = threadMs();
  const answer = answerOf(() => read(spec));
  parent.postMessage({ answer, ms: threadMs() - startedAt } satisfies Answered);
});
