// A weight matrix in memory, as the bundle stores it.
import type { Encoding } from './tiles/precisions.ts';

export type { Encoding } from './tiles/precisions.ts';

/** The matrix W of `y = x Wᵀ`: `rows` outputs, `cols` inputs. `data` is little-endian and may be a view into a larger buffer. */
export interface Matrix {
  encoding: Encoding;
  rows: number;
  cols: number;
  data: Uint8Array;
}

/** The weights of one expert of one layer. */
export interface ExpertWeights {
  /** `[inner, hidden]` */
  gate: Matrix;
  /** `[inner, hidden]` */
  up: Matrix;
  /** `[hidden, inner]` */
  down: Matrix;
  /** `[inner]`, `[inner]` and `[hidden]`. */
  biases?: { gate: Float32Array; up: Float32Array; down: Float32Array };
}
