// Random weights: a stream of nearly normal numbers for each tensor, each a pure function of (key, index), so that
// any slice can be made anywhere. Knows no tensors.
import { createHash } from 'node:crypto';

/** The two words that set a tensor's stream apart from every other. */
export function streamKey(seed: number, name: string): readonly [number, number] {
  const digest = createHash('sha256').update(`${seed}/${name}`).digest();
  return [digest.readInt32LE(0), digest.readInt32LE(4)];
}

/** Four dice of 256 sides: their sum is bell-shaped, with this standard deviation. */
const DICE_DEVIATION = Math.sqrt((4 * (256 ** 2 - 1)) / 12);

/** Writes numbers `first`, `first + 1`, … of the stream to all of `out`; none is farther than 3.5 deviations out. */
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
