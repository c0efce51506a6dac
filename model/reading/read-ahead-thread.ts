// The entry of the thread that reads a mapped bundle ahead and checks its hashes: first the dense part, then experts. It slows
// down while the process computes for requests.
import { existsSync, readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { errorText } from '../../base/error-text.ts';
import type { HashedRange } from '../bundle/bundle.ts';
import { readAhead } from './read-ahead.ts';
import { Reading, type TrafficWords } from './traffic.ts';

export interface ReadAheadThreadData {
  traffic: TrafficWords;
  /** These ranges are read first, because opening the dense device waits for them. */
  dense: HashedRange[];
  experts: HashedRange[];
  /** By index in `experts`: 1 if another thread has found the range sound. */
  sound: Uint8Array<SharedArrayBuffer>;
}

export type ReadAheadMessage =
  /** `index` is an index into `dense` or `experts`. */
  { type: 'sound'; part: 'dense' | 'experts'; index: number } | { type: 'failed'; message: string };

if (parentPort === null) throw new Error('this module is the entry of a worker thread');
const parent = parentPort;
const post = (message: ReadAheadMessage) => parent.postMessage(message);

try {
  const { traffic: words, dense, experts, sound } = workerData as ReadAheadThreadData;
  const traffic = new Reading(words);
  readAhead(dense, { traffic, onSound: (index) => post({ type: 'sound', part: 'dense', index }) });
  lowerPriority();
  readAhead(experts, {
    traffic,
    isSound: (index) => Atomics.load(sound, index) === 1,
    onSound: (index) => post({ type: 'sound', part: 'experts', index }),
  });
} catch (error) {
  post({ type: 'failed', message: errorText(error) });
}

/** Lowers this thread's priority, on Linux only. On other systems the call would affect the whole process. */
function lowerPriority(): void {
  const self = '/proc/thread-self';
  if (process.platform !== 'linux' || !existsSync(self)) return;
  setPriority(Number(basename(readlinkSync(self))), constants.priority.PRIORITY_LOW);
}
