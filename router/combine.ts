// Adds the experts' weighted answers to the residual stream, always in order of rank. Pure.
import type { Assignment } from './selection.ts';

/**
 * In place: `residual[r] += weights[r, j] * answers[r, j]` for j = 0 … k-1. This defines the bits: for each rank, the product and
 * the sum are computed in double precision, and the sum is rounded to float32 when it is stored.
 * `residual [rows, hidden]`, `answers [rows, k, hidden]`. Rows whose `mask` is 0 are not changed.
 */
export function combine(
  residual: Float32Array,
  answers: Float32Array,
  { k, weights }: Assignment,
  hidden: number,
  mask?: Uint8Array,
): void {
  const rows = residual.length / hidden;
  if (weights.length !== rows * k || answers.length !== rows * k * hidden) {
    throw new RangeError(
      `${rows} rows with k = ${k} need ${rows * k} weights and ${rows * k * hidden} answer floats, not ${weights.length} and ${answers.length}`,
    );
  }
  for (let row = 0; row < rows; row++) {
    if (mask !== undefined && mask[row] === 0) continue;
    for (let rank = 0; rank < k; rank++) {
      const weight = weights[row * k + rank]!;
      const from = (row * k + rank) * hidden;
      for (let i = 0; i < hidden; i++) residual[row * hidden + i]! += weight * answers[from + i]!;
    }
  }
}
