// A thread that sends a number of hostile requests of one key at once and records how each answer ends. Started with
// {url, model, key, seed, shapes, atOnce, limits}; posts a line for each and ends after the last.

import { request } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { errorText } from '../../base/error-text.ts';
import { uniform } from '../uniform.ts';
import { hearStream } from './endings.ts';
import { hostileShape } from './shapes.ts';

/** One hostile request and its result. */
export interface AttackLine {
  seed: number;
  kind: string;
  path: string;
  /** 0: the connection failed. */
  status: number;
  /** `left`: its caller went; `late`: it did not end in time. */
  ending: 'finish' | 'error' | 'cut' | 'left' | 'late';
  ms: number;
  bytes: number;
  /** Of an answer that is an error, or how the connection failed. */
  detail: string;
}

if (parentPort === null) throw new Error('this module is the entry of a worker thread');
const parent = parentPort;
const given = z
  .object({
    ...{ url: z.string(), model: z.string(), key: z.string(), seed: z.number(), shapes: z.number() },
    ...{ atOnce: z.number(), patienceMs: z.number() },
    limits: z.object({
      ...{ context: z.number(), vocab: z.number(), layers: z.number(), experts: z.number() },
    }),
  })
  .parse(workerData);
let next = given.seed;

await Promise.all(Array.from({ length: given.atOnce }, keepSending));
parent.close();

async function keepSending(): Promise<void> {
  while (next < given.seed + given.shapes) {
    parent.postMessage(await send(next++));
  }
}

async function send(seed: number): Promise<AttackLine> {
  const { kind, path, body, leaveAfterMs } = hostileShape(uniform(seed), given.limits);
  const waitMs = Math.min(leaveAfterMs ?? given.patienceMs, given.patienceMs);
  const signal = AbortSignal.timeout(waitMs);
  const sentAt = performance.now();
  const line = (rest: Pick<AttackLine, 'status' | 'ending' | 'bytes' | 'detail'>) => {
    return { seed, kind, path, ms: Math.round(performance.now() - sentAt), ...rest };
  };
  try {
    const ask = { url: new URL(path, given.url), key: given.key, body: { model: given.model, ...body } };
    const { status, ending, bytes, tail } = await hearStream({ ...ask, signal, request });
    const detail =
      ending === 'finish' ? '' : (/"message":"([^"]{0,100})/.exec(tail)?.[1] ?? tail.slice(-100));
    return line({ status, ending, bytes, detail });
  } catch (error) {
    const ending = !signal.aborted ? 'cut' : leaveAfterMs === undefined ? 'late' : 'left';
    return line({
      status: 0,
      ending,
      bytes: 0,
      detail: errorText(error),
    });
  }
}
