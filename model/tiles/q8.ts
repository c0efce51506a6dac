// The precision of 8 bits. A tile has eight vectors: vector v holds input 4v+j (j = 0–3). A byte b stands for the weight
// b - 128.
import { farthest, GROUP, halfScale, type TilePrecision } from './precision.ts';

export const q8: TilePrecision = {
  bits: 8,
  blockBits: 8,
  zeros: new Array(8).fill(0x80),
  round,
  read,
  repack,
};

/** Maps the value farthest from zero to 127 or -127. */
function round(values: Float32Array, bits: Int32Array, from: number, out: Int32Array, to: number): number {
  const extreme = values[farthest(values, bits, from)]!;
  const { half, inverse } = halfScale(Math.abs(extreme) / 127);
  for (let v = 0; v < 8; v++) {
    const at = from + 4 * v;
    out[to + 16 * v] =
      byte(values[at]! * inverse) |
      (byte(values[at + 1]! * inverse) << 8) |
      (byte(values[at + 2]! * inverse) << 16) |
      (byte(values[at + 3]! * inverse) << 24);
  }
  return half;
}

/** The nearest of -127..127, plus 128. */
function byte(value: number): number {
  return Math.max(Math.min((value + 128.5) | 0, 255), 1);
}

function read(data: Uint8Array, tile: number, lane: number, out: Float32Array): void {
  const first = tile + lane * 4;
  for (let i = 0; i < GROUP; i++) out[i] = data[first + (i >> 2) * 64 + (i & 3)]! - 128;
}

function repack(data: Uint8Array, from: number, out: Uint8Array, to: number): void {
  for (let i = 0; i < GROUP; i++) out[to + i] = data[from + (i >> 2) * 64 + (i & 3)]!;
}
