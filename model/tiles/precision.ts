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
  /** A byte whose weights are all zero. */
  zeros: number;
  /**
   * Rounds the group `values[from .. from + 32)` to one row of a tile: the words `out[to]`, `out[to + 16]`, … Returns the
   * float16 bits of the group's scale. `bits` are the bit patterns of `values`.
   */
  round(values: Float32Array, bits: Int32Array, from: number, out: Int32Array, to: number): number;
  /** Writes to `out` the 32 signed weights, not multiplied by the scale, of row `lane` of the tile at byte `tile`. */
  read(data: Uint8Array, tile: number, lane: number, out: Float32Array): void;
  /** Copies a tile's row to `out`, in ONNX Runtime's order (`MatMulNBits`, `QMoE`). The row's first byte is `data[from]`. */
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

/** `half`: the float16 bits nearest to `scale`. `inverse`: the inverse of that float16, or 0 if it is 0. */
export function halfScale(scale: number): { half: number; inverse: number } {
  const half = numberToHalf(scale);
  const rounded = halfToNumber(half);
  if (rounded - rounded !== 0) throw new RangeError('holds values too large for a float16 scale');
  return { half, inverse: rounded === 0 ? 0 : 1 / rounded };
}
