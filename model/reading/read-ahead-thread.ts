// The thread that reads a mapped bundle ahead and checks its hashes: the dense part first, then experts, giving way to
// whoever serves. Knows no device.

import { existsSync, readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { errorText } from '../../base/error-text.ts';
import type { HashedRange } from '../bundle/bundle.ts';
import { readAhead } from './read-ahead.ts';
import { Reading, type TrafficWords } from './traffic.ts';

/** What the thread is started with. */
export interface ReadAheadThreadData {
  traffic: TrafficWords;
  /** Someone waits for these. */
  dense: HashedRange[];
  experts: HashedRange[];
  /** By index in `experts`: 1 for those that were found sound elsewhere. */
  sound: Uint8Array<SharedArrayBuffer>;
}

export type ReadAheadMessage =
  /** `index` is that in `dense` or `experts`. */
  { type: 'sound'; part: 'dense' | 'experts'; index: number } | { type: 'failed'; message: string };

if (parentPort === null) throw new Error('this module is the entry of a worker thread');
const parent = parentPort;
const tell = (message: ReadAheadMessage) => parent.postMessage(message);

try {
  const { traffic: words, dense, experts, sound } = workerData as ReadAheadThreadData;
  const traffic = new Reading(words);
  readAhead(dense, { traffic, onSound: (index) => tell({ type: 'sound', part: 'dense', index }) });
  stepBack();
  readAhead(experts, {
    traffic,
    isSound: (index) => Atomics.load(sound, index) === 1,
    onSound: (index) => tell({ type: 'sound', part: 'experts', index }),
  });
} catch (error) {
  tell({ type: 'failed', message: errorText(error) });
}

/** Linux gives every thread a priority of its own, by its number; elsewhere it would be the whole process's. */
function stepBack(): void {
  const self = '/proc/thread-self';
  if (process.platform !== 'linux' || !existsSync(self)) return;
  setPriority(Number(basename(readlinkSync(self))), constants.priority.PRIORITY_LOW);
}
