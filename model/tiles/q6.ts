// The precision of 6 bits. A tile has six vectors. The first four hold the low 4 bits of the weights, in the places that q4
// gives them. Vectors 4 and 5 hold the high 2 bits: vector 4+u has those of input 16u+4p+j in its bits 2p and 2p+1 (p and
// j = 0–3). The 6 bits n stand for the weight n - 32.
import { fitScale, GROUP, type TilePrecision } from './precision.ts';

export const q6: TilePrecision = {
  bits: 6,
  blockBits: 8,
  zeros: [0, 0, 0, 0, 0xaa, 0xaa],
  round,
  read,
  repack,
};

function round(values: Float32Array, bits: Int32Array, from: number, out: Int32Array, to: number): number {
  const { half, inverse } = fitScale(values, bits, from, 32);
  for (let u = 0; u < 2; u++) {
    const at = from + 16 * u;
    const a = four(values, at, inverse);
    const b = four(values, at + 4, inverse);
    const c = four(values, at + 8, inverse);
    const d = four(values, at + 12, inverse);
    out[to + 32 * u] = (a & LOW) | ((b & LOW) << 4);
    out[to + 32 * u + 16] = (c & LOW) | ((d & LOW) << 4);
    out[to + 64 + 16 * u] = ((a & HIGH) >> 4) | ((b & HIGH) >> 2) | (c & HIGH) | ((d & HIGH) << 2);
  }
  return half;
}

/** Masks of the low 4 and the high 2 bits of four weights of 6 bits, each in a byte of its own. */
const LOW = 0x0f0f0f0f;
const HIGH = 0x30303030;

/** The weights of four values, one a byte. */
function four(values: Float32Array, at: number, inverse: number): number {
  return (
    sixBits(values[at]! * inverse) |
    (sixBits(values[at + 1]! * inverse) << 8) |
    (sixBits(values[at + 2]! * inverse) << 16) |
    (sixBits(values[at + 3]! * inverse) << 24)
  );
}

/** The nearest of -32..31, plus 32. Truncation can replace floor, because negative results are clamped to 0 anyway. */
function sixBits(value: number): number {
  return Math.max(Math.min((value + 32.5) | 0, 63), 0);
}

/** The weight of input `i`, plus 32, of the row whose first byte is `data[from]`. */
function weightAt(data: Uint8Array, from: number, i: number): number {
  const low = (data[from + 64 * (i >> 3) + (i & 3)]! >> (i & 4)) & 15;
  const high = (data[from + 256 + 64 * (i >> 4) + (i & 3)]! >> ((i >> 1) & 6)) & 3;
  return low | (high << 4);
}

function read(data: Uint8Array, tile: number, lane: number, out: Float32Array): void {
  for (let i = 0; i < GROUP; i++) out[i] = weightAt(data, tile + lane * 4, i) - 32;
}

/**
 * ONNX Runtime has no products of 6 bits. A weight is multiplied by 4 to become one of 8 bits, and `toBlocks` divides the scale
 * by 4, so the values are the same. They use the whole range of 8 bits, because ONNX Runtime corrects the offset of 128 in
 * float32: beside small weights, that has a larger error.
 */
function repack(data: Uint8Array, from: number, out: Uint8Array, to: number): void {
  for (let i = 0; i < GROUP; i++) out[to + i] = 4 * weightAt(data, from, i);
}
