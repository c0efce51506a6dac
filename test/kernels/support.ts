// Shared by the kernels' tests: the addon, matrices from a seed, and runs on every path (the code for one instruction set).
import {
  type Kernels,
  kernels as loaded,
  missingReason,
  type QuantisedMatrix,
} from '../../kernels/kernels.ts';
import { dequantize, quantize } from '../../model/tiles.ts';
import { roundToInt8 } from '../reference/int8.ts';
import { normal } from '../support/random.ts';

if (loaded === undefined) throw new Error(`${missingReason}: run "npm run install" (it needs a C compiler)`);
export const kernels: Kernels = loaded;

export const paths = kernels.paths();

/** Random floats, nearly normally distributed, from a seed. */
export function draw(seed: number, count: number, scale = 1): Float32Array {
  const next = normal(seed);
  return Float32Array.from({ length: count }, () => scale * next());
}

/** Precisions that the kernels compute with. */
export const tiledBits = [4, 6, 8] as const;
export type TiledBits = (typeof tiledBits)[number];

export interface TestMatrix {
  handle: QuantisedMatrix;
  rows: number;
  cols: number;
  bits: TiledBits;
  /** The bytes of the tiles. */
  bytes: Uint8Array;
  /** `[rows, cols]`, dequantised. */
  weights: Float32Array;
}

export function matrix(seed: number, rows: number, cols: number, bits: TiledBits): TestMatrix {
  const stored = quantize(draw(seed, rows * cols), rows, cols, `q${bits}` as const);
  const handle = kernels.matrixOf(stored.data, rows, cols, bits);
  return { handle, rows, cols, bits, bytes: stored.data, weights: dequantize(stored) };
}

/** `y [n, rows]` in float64, from rows that are rounded to int8 like the reference. */
export function multiply({ weights, rows, cols }: TestMatrix, x: Float32Array, n: number): Float64Array {
  const y = new Float64Array(n * rows);
  for (let i = 0; i < n; i++) {
    const { values } = roundToInt8(Float64Array.from(x.subarray(i * cols, (i + 1) * cols)));
    for (let r = 0; r < rows; r++) {
      let sum = 0;
      for (let c = 0; c < cols; c++) sum += weights[r * cols + c]! * values[c]!;
      y[i * rows + r] = sum;
    }
  }
  return y;
}

/** Runs `compute` on every path. Throws if a bit differs from the plain path's. */
export function onEveryPath(compute: () => Float32Array): Float32Array {
  const before = kernels.path();
  try {
    kernels.setPath('plain');
    const plain = compute();
    for (const path of paths) {
      kernels.setPath(path);
      const different = firstDifference(compute(), plain);
      if (different !== undefined) throw new Error(`${path} differs from plain: ${different}`);
    }
    return plain;
  } finally {
    kernels.setPath(before);
  }
}

/** Describes the first difference in a bit, other than between NaNs; undefined if there is none. */
export function firstDifference(a: Float32Array, b: Float32Array): string | undefined {
  if (a.length !== b.length) return `lengths ${a.length} and ${b.length}`;
  const bitsA = new Int32Array(a.buffer, a.byteOffset, a.length);
  const bitsB = new Int32Array(b.buffer, b.byteOffset, b.length);
  for (let i = 0; i < a.length; i++) {
    if (bitsA[i] !== bitsB[i] && !(Number.isNaN(a[i]) && Number.isNaN(b[i])))
      return `value ${i}: ${a[i]} and ${b[i]}`;
  }
  return undefined;
}
