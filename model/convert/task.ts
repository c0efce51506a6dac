// The messages between the writer of a bundle and its worker threads: plain data that can be cloned.
import type { Encoding } from '../tensor.ts';
import type { PartErrors } from './report/errors.ts';
import type { RowMap } from './storage/read-strip.ts';
import type { Storage } from './storage/storage.ts';

export type FloatDtype = 'F32' | 'F16' | 'BF16';

/** Where a tensor's values come from: rows of a storage, or a stream of random numbers (model/convert/random.ts). */
export type Source =
  | { kind: 'stored'; storage: Storage; rows?: RowMap }
  | { kind: 'random'; key: readonly [number, number]; mean: number; deviation: number };

/** One tensor, `[rows, cols]`. A small tensor, which is kept unchanged, is one row. */
export interface Part {
  /** The tensor's name in the source, for errors. */
  sourceName: string;
  /** The source's file, for errors. */
  sourcePath?: string;
  source: Source;
  /** Bytes of source, for progress. */
  sourceBytes: number;
  rows: number;
  cols: number;
  encoding: Encoding;
}

/** The work for one range of a file of the bundle: one dense tensor, or the three matrices of an expert. */
export interface Task {
  id: number;
  path: string;
  offset: number;
  bytes: number;
  /** Bytes of source, for progress. */
  sourceBytes: number;
  parts: readonly Part[];
  /** Whether the result has the errors of each part. */
  measured?: boolean;
  /** Hash that an earlier run recorded. If the bytes on disk still match, the task is not repeated. */
  recorded?: string;
}

export interface TaskResult {
  id: number;
  /** Short hash of the bytes written. */
  hash: string;
  /** Short hash of each part's source bytes; undefined if the task was not repeated. */
  sourceHashes?: string[];
  /** Errors of each part, if the task is measured and was not done before. */
  errors?: PartErrors[];
}

export type WorkerMessage =
  | { kind: 'progress'; bytes: number }
  | { kind: 'done'; result: TaskResult }
  | { kind: 'stopped' }
  | { kind: 'failed'; message: string; fault: Fault; stack?: string };

/** What a failure is about: values of the source, other input that the user can repair, or this program. */
export type Fault = 'values' | 'input' | 'program';
