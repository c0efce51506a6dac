// What crosses between the writer of a bundle and its worker threads: plain structured-cloneable data.
import type { Encoding } from '../tensor.ts';

export type FloatDtype = 'F32' | 'F16' | 'BF16';

/** Where a tensor's values come from: a stretch of a file, or a stream of random numbers (model/convert/random.ts). */
export type Source =
  | { kind: 'file'; path: string; start: number; dtype: FloatDtype }
  | { kind: 'random'; key: readonly [number, number]; mean: number; deviation: number };

/** One tensor, `[rows, cols]`; a small tensor that is kept as it stands is one row. */
export interface Part {
  /** As the source calls it: errors speak of this name. */
  sourceName: string;
  source: Source;
  rows: number;
  cols: number;
  encoding: Encoding;
}

/** One stretch of one file of the bundle: a dense tensor, or an expert's three one after the other. */
export interface Task {
  id: number;
  path: string;
  offset: number;
  bytes: number;
  /** Bytes of source that it reads, for progress. */
  sourceBytes: number;
  parts: readonly Part[];
  /** Hash that a stopped run recorded: where the bytes still match, the work is done. */
  recorded?: string;
}

export interface TaskResult {
  id: number;
  /** Short hash of the bytes written. */
  hash: string;
  /** Short hash of each part's source bytes; undefined where the recorded work was found whole. */
  sourceHashes?: string[];
}

export type WorkerMessage =
  | { kind: 'progress'; bytes: number }
  | { kind: 'done'; result: TaskResult }
  | { kind: 'stopped' }
  | { kind: 'failed'; message: string; input: boolean; stack?: string };
