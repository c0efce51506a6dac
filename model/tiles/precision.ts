// The definition of a precision, and the steps of rounding that all precisions share. docs/bundle.md specifies the bytes.
//
// A tile holds 16 rows x 32 inputs: vectors of 64 bytes with the weights, then one float16 scale for each row. Bytes
// 4r … 4r+3 of a vector belong to row r (0–15), so one 64-byte load feeds 16 dot products of 4 inputs.
import { halfToNumber, numberToHalf } from '../floats.ts';

export const TILE_ROWS = 16;
/** Inputs that share one scale. */
export const GROUP = 32;

export interface TilePrecision {
  /** Bits of one weight. */
  bits: number;
  /** Bits of one weight in the blocks that `repack` makes. ONNX Runtime has operators for 4 and 8. */
  blockBits: 4 | 8;
  /** For each vector of a tile, the byte that it consists of if all weights of the tile are zero. */
  zeros: readonly number[];
  /**
   * Rounds the group `values[from .. from + 32)` to one row of a tile: the words `out[to]`, `out[to + 16]`, … Returns the
   * float16 bits of the group's scale. `bits` are the bit patterns of `values`.
   */
  round(values: Float32Array, bits: Int32Array, from: number, out: Int32Array, to: number): number;
  /** Writes to `out` the 32 signed weights, not multiplied by the scale, of row `lane` of the tile at byte `tile`. */
  read(data: Uint8Array, tile: number, lane: number, out: Float32Array): void;
  /**
   * Copies a tile's row to `out`, in ONNX Runtime's order (`MatMulNBits`, `QMoE`) and with its offset, 8 or 128. Weights are
   * multiplied by 2^(blockBits - bits). The row's first byte is `data[from]`.
   */
  repack(data: Uint8Array, from: number, out: Uint8Array, to: number): void;
}

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

/** Adding and subtracting 1.5 * 2^52 rounds a double to a whole number, ties to even. It is faster than Math.round. */
const ROUNDER = 6_755_399_441_055_744;

/**
 * Scale of a group whose weights are `-most` to `most - 1`, as `halfScale` returns it. Maps the value farthest from zero to
 * `-most`, so that all steps are used. That value and the scale have opposite signs. The scale is then set to the least-squares
 * optimum for the rounded values, and the caller rounds all values once more to that scale in float16. Both corrections can only
 * lower the squared error, apart from the rounding of the scale.
 */
export function fitScale(
  values: Float32Array,
  bits: Int32Array,
  from: number,
  most: number,
): { half: number; inverse: number } {
  const extreme = values[farthest(values, bits, from)]!;
  const steps = extreme === 0 ? 0 : -most / extreme;
  let products = 0;
  let squares = 0;
  for (let i = from; i < from + GROUP; i += 2) {
    const a = values[i]!;
    const b = values[i + 1]!;
    const qa = Math.min(a * steps + ROUNDER - ROUNDER, most - 1);
    const qb = Math.min(b * steps + ROUNDER - ROUNDER, most - 1);
    products += a * qa + b * qb;
    squares += qa * qa + qb * qb;
  }
  return halfScale(squares === 0 ? 0 : products / squares);
}

/** `half`: the float16 bits nearest to `scale`. `inverse`: the inverse of that float16, or 0 if it is 0. */
export function halfScale(scale: number): { half: number; inverse: number } {
  const half = numberToHalf(scale);
  const rounded = halfToNumber(half);
  if (rounded - rounded !== 0) throw new RangeError('holds values too large for a float16 scale');
  return { half, inverse: rounded === 0 ? 0 : 1 / rounded };
}
