// The precision of 4 bits. A tile has four vectors: vector v holds input 8v+j in its low nibbles and 8v+4+j in its high
// ones (j = 0–3). A nibble n stands for the weight n - 8.
import { farthest, GROUP, halfScale, type TilePrecision } from './precision.ts';

export const q4: TilePrecision = { bits: 4, zeros: 0x88, round, read, repack };

/** Adding and subtracting 1.5 * 2^52 rounds a double to a whole number, ties to even. It is faster than Math.round. */
const ROUNDER = 6_755_399_441_055_744;

/**
 * Maps the value farthest from zero to -8, so that all 16 steps are used. That value and the scale have opposite signs. The
 * scale is then set to the least-squares optimum for the rounded values, and all values are rounded once more to that scale in
 * float16. Both corrections can only lower the squared error, apart from the rounding of the scale.
 */
function round(values: Float32Array, bits: Int32Array, from: number, out: Int32Array, to: number): number {
  const extreme = values[farthest(values, bits, from)]!;
  const steps = extreme === 0 ? 0 : -8 / extreme;
  let products = 0;
  let squares = 0;
  for (let i = from; i < from + GROUP; i += 2) {
    const a = values[i]!;
    const b = values[i + 1]!;
    const qa = Math.min(a * steps + ROUNDER - ROUNDER, 7);
    const qb = Math.min(b * steps + ROUNDER - ROUNDER, 7);
    products += a * qa + b * qb;
    squares += qa * qa + qb * qb;
  }
  const { half, inverse } = halfScale(squares === 0 ? 0 : products / squares);
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
