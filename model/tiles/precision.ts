// What a tile is at every precision, and what a precision must define. docs/bundle.md specifies the bytes.
//
// A tile holds 16 rows x 32 inputs: vectors of 64 bytes with the weights, then one float16 scale for each row. Bytes
// 4r … 4r+3 of a vector belong to row r (0–15), so that one 64-byte load feeds 16 dot products of 4 inputs.

export const TILE_ROWS = 16;
/** Inputs that share one scale. */
export const GROUP = 32;

export interface TilePrecision {
  /** Bits of one weight. */
  bits: number;
  /** The byte that stands for weights of zero. */
  zeros: number;
  /**
   * Rounds the group `values[from .. from + 32)` to one row of a tile: the words `out[to]`, `out[to + 16]`, … Returns the
   * float16 bits of the group's scale. `bits` are the bit patterns of `values`.
   */
  round(values: Float32Array, bits: Int32Array, from: number, out: Int32Array, to: number): number;
  /** Writes the 32 signed weights of row `lane` of the tile at byte `tile` to `out`, before scaling. */
  read(data: Uint8Array, tile: number, lane: number, out: Float32Array): void;
  /** Moves one row of a tile, which starts at byte `from`, to the order of ONNX Runtime's `MatMulNBits` and `QMoE`. */
  repack(data: Uint8Array, from: number, out: Uint8Array, to: number): void;
}
