// Makes random weights: a stream of nearly normal numbers for each tensor. Each number is a pure function of (key, index), so
// any slice can be made without the numbers before it.
import { createHash } from 'node:crypto';

/** The two words that select a tensor's stream. */
export function streamKey(seed: number, name: string): readonly [number, number] {
  const digest = createHash('sha256').update(`${seed}/${name}`).digest();
  return [digest.readInt32LE(0), digest.readInt32LE(4)];
}

/** Standard deviation of the sum of four dice with 256 sides, which is nearly normal. */
const DICE_DEVIATION = Math.sqrt((4 * (256 ** 2 - 1)) / 12);

/** Fills `out` with the stream's numbers from index `first` on. None is more than 3.5 deviations from the mean. */
export function fillRandom(
  out: Float32Array,
  first: number,
  [a, b]: readonly [number, number],
  mean: number,
  deviation: number,
): void {
  const unit = deviation / DICE_DEVIATION;
  for (let i = 0; i < out.length; i++) {
    let x = Math.imul(first + i, 0x9e3779b9) ^ a;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d) + b;
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    x ^= x >>> 16;
    const sum = (x & 255) + ((x >>> 8) & 255) + ((x >>> 16) & 255) + (x >>> 24);
    out[i] = mean + (sum - 510) * unit;
  }
}
