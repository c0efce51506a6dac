// Where a float matrix lies in a checkpoint's files, in one of the forms in which checkpoints are published. A storage is plain
// data that threads can receive. To support another form, add a file beside plain.ts, a member to `Storage`, and rows to the
// tables in read-strip.ts.
import type { QuantisedStorage } from '../../quantised/storage.ts';
import type { FloatDtype } from '../task.ts';
import type { GgufStorage } from './gguf.ts';

/** Floats in row-major order. */
export interface PlainStorage {
  kind: 'plain';
  path: string;
  /** Byte of the file at which the matrix starts. */
  start: number;
  dtype: FloatDtype;
  rows: number;
  cols: number;
  /** Whether the file has the transposed matrix, `[cols, rows]` in row-major order. */
  transposed?: true;
}

export type Storage = PlainStorage | QuantisedStorage | GgufStorage;

/** Reads `count` rows from row `first` on. All forms have `rows` and `cols`, the size of the float matrix. */
export interface Strip {
  first: number;
  count: number;
}

/**
 * Reads bytes of a file. The buffer starts at a multiple of 8 bytes and is valid until the next read. Throws an InputError if the
 * file is shorter.
 */
export type ReadBytes = (path: string, start: number, length: number) => Uint8Array;

/** Writes the strip's values `[count, cols]` to `out`. Throws a RangeError on NaN and infinity. */
export type StripReader<S> = (storage: S, strip: Strip, read: ReadBytes, out: Float32Array) => void;
