// Steps that rounding to tiles shares between precisions.
import { halfToNumber, numberToHalf } from '../floats.ts';
import { GROUP } from './precision.ts';

/** Index of the value farthest from zero: the largest bit pattern without its sign. Refuses NaN and infinity. */
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

/** The float16 bits nearest to a scale, and the inverse of what they stand for. */
export function halfScale(scale: number): { half: number; inverse: number } {
  const half = numberToHalf(scale);
  const rounded = halfToNumber(half);
  if (rounded - rounded !== 0) throw new RangeError('holds values too large for a float16 scale');
  return { half, inverse: rounded === 0 ? 0 : 1 / rounded };
}
