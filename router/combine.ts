// Adds the experts' weighted answers to the residual stream, always in order of rank. Pure.
import { type Assignment, firstSlot } from './routing/assignment.ts';

/**
 * In place: `residual[r] += weights[s] * answers[s]` for the row's slots s, in order. This defines the bits: for each rank, the product and
 * the sum are computed in double precision, and the sum is rounded to float32 when it is stored.
 * `residual [rows, hidden]`, `answers [slots, hidden]`. Rows whose `mask` is 0 are not changed.
 */
export function combine(
  residual: Float32Array,
  answers: Float32Array,
  { k, weights, starts }: Omit<Assignment, 'experts'>,
  hidden: number,
  mask?: Uint8Array,
): void {
  const rows = residual.length / hidden;
  const slots = firstSlot({ k, starts }, rows);
  if (weights.length !== slots || answers.length !== slots * hidden) {
    throw new RangeError(
      `${rows} rows with k = ${k} need ${slots} weights and ${slots * hidden} answer floats, not ${weights.length} and ${answers.length}`,
    );
  }
  for (let row = 0; row < rows; row++) {
    if (mask !== undefined && mask[row] === 0) continue;
    const end = firstSlot({ k, starts }, row + 1);
    for (let slot = firstSlot({ k, starts }, row); slot < end; slot++) {
      const weight = weights[slot]!;
      const from = slot * hidden;
      for (let i = 0; i < hidden; i++) residual[row * hidden + i]! += weight * answers[from + i]!;
    }
  }
}
