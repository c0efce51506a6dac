// A weight matrix in memory, as the bundle stores it. Knows no names and no files.

/** Stored form of a matrix: row-major floats, or tiles of 16 rows x 32 inputs with float16 scales (model/tiles.ts). */
export type Encoding = 'f32' | 'f16' | 'bf16' | 'q8' | 'q4';

/** `y = x Wᵀ`: `rows` outputs, `cols` inputs. `data` is little-endian and may be a view into a larger buffer. */
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
}
