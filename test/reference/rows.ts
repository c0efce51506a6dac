// Rows, matrices and norms of the reference in float64.
import type { ReferenceMatrix } from './weights.ts';

/** `W x + bias`. */
export function multiply(
  { rows, cols, data }: ReferenceMatrix,
  x: Float64Array,
  bias?: Float64Array,
): Float64Array {
  if (x.length !== cols) throw new Error(`a row of ${x.length} meets a matrix of ${rows} x ${cols}`);
  return Float64Array.from({ length: rows }, (_, r) => {
    return dot(data.subarray(r * cols, (r + 1) * cols), x) + (bias?.[r] ?? 0);
  });
}

/** Without `weight`, the norm has no weights. */
export function rmsNorm(row: Float64Array, weight: Float64Array | undefined, eps: number): Float64Array {
  const scale = 1 / Math.sqrt(dot(row, row) / row.length + eps);
  return row.map((value, i) => value * scale * (weight === undefined ? 1 : (weight[i] as number)));
}

export function rowOf({ rows, cols, data }: ReferenceMatrix, row: number): Float64Array {
  if (row >= rows) throw new Error(`token ${row} of a vocabulary of ${rows}`);
  return data.slice(row * cols, (row + 1) * cols);
}

export function split(row: Float64Array, width: number): Float64Array[] {
  return Array.from({ length: row.length / width }, (_, i) => row.subarray(i * width, (i + 1) * width));
}

export function scaled(row: Float64Array, factor: number): Float64Array {
  return row.map((value) => factor * value);
}

export function add(a: Float64Array, b: Float64Array, weight = 1): Float64Array {
  return a.map((value, i) => value + weight * (b[i] as number));
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

export function sigmoid(z: number): number {
  return 1 / (1 + Math.exp(-z));
}
