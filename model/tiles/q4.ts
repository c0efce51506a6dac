// The precision of 4 bits. A tile has four vectors: vector v holds input 8v+j in its low nibbles and 8v+4+j in its high
// ones (j = 0–3). A nibble n stands for the weight n - 8.
import { fitScale, type TilePrecision } from './precision.ts';

export const q4: TilePrecision = {
  bits: 4,
  blockBits: 4,
  zeros: new Array(4).fill(0x88),
  round,
  read,
  repack,
};

function round(values: Float32Array, bits: Int32Array, from: number, out: Int32Array, to: number): number {
  const { half, inverse } = fitScale(values, bits, from, 8);
  for (let v = 0; v < 4; v++) {
    const at = from + 8 * v;
    out[to + 16 * v] =
      nibble(values[at]! * inverse) |
      (nibble(values[at + 4]! * inverse) << 4) |
      (nibble(values[at + 1]! * inverse) << 8) |
      (nibble(values[at + 5]! * inverse) << 12) |
      (nibble(values[at + 2]! * inverse) << 16) |
      (nibble(values[at + 6]! * inverse) << 20) |
      (nibble(values[at + 3]! * inverse) << 24) |
      (nibble(values[at + 7]! * inverse) << 28);
  }
  return half;
}

/** The nearest of -8..7, plus 8. Truncation can replace floor, because negative results are clamped to 0 anyway. */
function nibble(value: number): number {
  return Math.max(Math.min((value + 8.5) | 0, 15), 0);
}

function read(data: Uint8Array, tile: number, lane: number, out: Float32Array): void {
  for (let v = 0; v < 4; v++) {
    for (let j = 0; j < 4; j++) {
      const byte = data[tile + lane * 4 + v * 64 + j]!;
      out[8 * v + j] = (byte & 15) - 8;
      out[8 * v + 4 + j] = (byte >> 4) - 8;
    }
  }
}

/** ONNX Runtime's operators take adjacent inputs in one byte. */
function repack(data: Uint8Array, from: number, out: Uint8Array, to: number): void {
  for (let v = 0; v < 4; v++) {
    const at = from + 64 * v;
    const [b0, b1, b2, b3] = [data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!];
    out[to + 4 * v] = (b0 & 15) | ((b1 & 15) << 4);
    out[to + 4 * v + 1] = (b2 & 15) | ((b3 & 15) << 4);
    out[to + 4 * v + 2] = (b0 >> 4) | (b1 & 0xf0);
    out[to + 4 * v + 3] = (b2 >> 4) | (b3 & 0xf0);
  }
}
