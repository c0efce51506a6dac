// Steps of rounding to tiles that are the same at every precision.
import { halfToNumber, numberToHalf } from '../floats.ts';
import { GROUP } from './precision.ts';

/**
 * Index of the value farthest from zero in the group that starts at `from`. Compares the `bits` of the values
 * without their signs. Throws if the value is NaN or infinite.
 */
export function farthest(values: Float32Array, bits: Int32Array, from: number): number {
  let at = from;
  let largest = 0;
  for (let i = from; i < from + GROUP; i++) {
    const magnitude = bits[i]! & 0x7fffffff;
    if (magnitude > largest) {
      largest = magnitude;
      at = i;
    }
  }
  if (largest >= 0x7f800000) throw new RangeError(`holds ${values[at]}`);
  return at;
}

/** `half`: the float16 bits nearest to `scale`. `inverse`: the inverse of that float16, or 0 if it is 0. */
export function halfScale(scale: number): { half: number; inverse: number } {
  const half = numberToHalf(scale);
  const rounded = halfToNumber(half);
  if (rounded - rounded !== 0) throw new RangeError('holds values too large for a float16 scale');
  return { half, inverse: rounded === 0 ? 0 : 1 / rounded };
}
