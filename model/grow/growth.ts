// What `grow` may do to a checkpoint, and the tensors that the result consists of.
import type { FloatDtype } from '../convert/task.ts';

/** A config.json. */
export type Json = Readonly<Record<string, unknown>>;

export type Growth =
  /** Every layer except the first and the last `keepEnds` is followed by a copy of itself. */
  | { kind: 'depth'; keepEnds: number }
  /**
   * Copies of every expert, up to `experts` experts a layer; undefined: twice as many. `noise` is the standard deviation of what
   * is added to the copies, as a multiple of the deviation of the copied tensor; undefined: the usual value.
   */
  | { kind: 'width'; experts?: number | undefined; noise?: number | undefined; seed: number };

/** Noise of copies of a mixture's experts (arXiv 2510.08008). */
export const USUAL_NOISE = 0.01;

/** Usual number of layers at each end that `depth` does not copy. */
export const USUAL_ENDS = 2;

/** Bytes of a source file. `name` is the tensor, for errors. */
export interface Range {
  path: string;
  name: string;
  start: number;
  bytes: number;
}

/** The key of a stream of random numbers (model/convert/random.ts). */
type Key = readonly [number, number];

/** Consecutive values of a grown tensor. */
export type Part =
  | { kind: 'copied'; from: Range }
  | { kind: 'scaled'; from: Range; factor: number }
  /** The values of the range plus random ones, whose deviation is `noise` times that of the range. */
  | { kind: 'noisy'; from: Range; noise: number; key: Key }
  | { kind: 'random'; bytes: number; deviation: number; key: Key };

export interface GrownTensor {
  name: string;
  dtype: FloatDtype;
  shape: readonly number[];
  /** In order of the tensor's bytes. */
  parts: readonly Part[];
}

export function partBytes(part: Part): number {
  return part.kind === 'random' ? part.bytes : part.from.bytes;
}
