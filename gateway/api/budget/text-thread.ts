// The entry of a worker thread that turns long texts into token ids. The main thread stays free for health checks and streams.

import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { errorText } from '../../../base/error-text.ts';
import { loadTextSide, type TextSide } from '../text/text-side.ts';
import { runTextJob, type TextJob, type TextResult } from './text-jobs.ts';

export interface TextCall {
  /** Directory of the checkpoint's tokenizer. */
  dir: string;
  job: TextJob;
}

/** The first reply is `begun`, after the tokenizer is loaded and before the job runs. The second has the result. */
export type TextReply =
  | { type: 'begun' }
  | { type: 'done'; result: TextResult }
  | { type: 'failed'; message: string };

if (parentPort === null) throw new Error('this module is the entry of a worker thread');
const parent = parentPort;
// On Linux this sets the priority of the calling thread. On other systems it would change the whole process.
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const sides = new Map<string, Promise<TextSide>>();

parent.on('message', ({ dir, job }: TextCall) => {
  const side = sides.get(dir) ?? loadTextSide(dir);
  sides.set(dir, side);
  side.then(
    (tools) => reply(() => ({ type: 'done', result: runTextJob(job, tools) })),
    (error: unknown) => reply(() => failed(error)),
  );
});

function reply(make: () => TextReply): void {
  parent.postMessage({ type: 'begun' } satisfies TextReply);
  let made: TextReply;
  try {
    made = make();
  } catch (error) {
    made = failed(error);
  }
  parent.postMessage(made);
}

function failed(error: unknown): TextReply {
  return { type: 'failed', message: errorText(error) };
}
