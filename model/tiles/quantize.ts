// Rounds floats to tiles of 4 or 8 bits. Knows the tiles' bytes (layout.ts), no names and no files.
//
// Plain double arithmetic in a fixed order: the same values give the same bytes on every machine.
import { halfToNumber, numberToHalf } from '../floats.ts';
import type { Matrix } from '../tensor.ts';
import { GROUP, matrixBytes, TILE_BYTES, TILE_ROWS, type TileEncoding, tileGrid } from './layout.ts';

/** Rounds a row-major `[rows, cols]` matrix. Throws a RangeError on NaN, infinity, or a value no float16 scale reaches. */
export function quantize(values: Float32Array, rows: number, cols: number, encoding: TileEncoding): Matrix {
  const data = new Uint8Array(matrixBytes(encoding, rows, cols));
  quantizeInto(values, rows, cols, encoding, data);
  return { encoding, rows, cols, data };
}

/** As `quantize`, into `out`, which holds exactly the matrix's bytes and starts at a multiple of 4. */
export function quantizeInto(
  values: Float32Array,
  rows: number,
  cols: number,
  encoding: TileEncoding,
  out: Uint8Array,
): void {
  if (values.length !== rows * cols) throw new RangeError(`${values.length} values for [${rows}, ${cols}]`);
  const { rowBlocks, colBlocks } = tileGrid(rows, cols);
  const tileBytes = TILE_BYTES[encoding];
  if (out.length !== rowBlocks * colBlocks * tileBytes)
    throw new RangeError('the output has the wrong length');
  const roundGroup = encoding === 'q4' ? roundTo4 : roundTo8;
  const zeros = encoding === 'q4' ? 0x88 : 0x80;
  const words = new Int32Array(out.buffer, out.byteOffset, out.length / 4);
  const bits = bitsOf(values);
  const edge = new Float32Array(GROUP);
  const edgeBits = bitsOf(edge);
  for (let tile = 0; tile < rowBlocks * colBlocks; tile++) {
    const at = tile * tileBytes;
    const scales = at + tileBytes - 2 * TILE_ROWS;
    const firstRow = Math.floor(tile / colBlocks) * TILE_ROWS;
    const firstCol = (tile % colBlocks) * GROUP;
    const lanes = Math.min(TILE_ROWS, rows - firstRow);
    const width = Math.min(GROUP, cols - firstCol);
    if (lanes < TILE_ROWS) out.fill(zeros, at, scales).fill(0, scales, at + tileBytes);
    for (let lane = 0; lane < lanes; lane++) {
      const from = (firstRow + lane) * cols + firstCol;
      const whole = width === GROUP;
      if (!whole) edge.fill(0).set(values.subarray(from, from + width));
      const scale = whole
        ? roundGroup(values, bits, from, words, at / 4 + lane)
        : roundGroup(edge, edgeBits, 0, words, at / 4 + lane);
      out[scales + 2 * lane] = scale & 255;
      out[scales + 2 * lane + 1] = scale >> 8;
    }
  }
}

function bitsOf(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length);
}

/** Index of the value farthest from zero: the largest of the bit patterns without their signs. Refuses NaN, infinity. */
function farthest(values: Float32Array, bits: Int32Array, from: number): number {
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

/** A scale as float16 holds it, with its bits. */
function halfScale(scale: number): { half: number; inverse: number } {
  const half = numberToHalf(scale);
  const rounded = halfToNumber(half);
  if (rounded - rounded !== 0) throw new RangeError('holds values too large for a float16 scale');
  return { half, inverse: rounded === 0 ? 0 : 1 / rounded };
}

/** Adding and taking away 1.5 * 2^52 rounds a double to a whole number: faster than Math.round, ties to even. */
const ROUNDER = 6_755_399_441_055_744;

/**
 * 32 values to the nibbles of one row of a tile, four words `16` apart; returns the float16 bits of their scale.
 *
 * The value farthest from zero is laid on -8 (the scale takes its sign), which uses all 16 steps; then the scale is
 * set to the least-squares best for those steps and everything is rounded once more to that scale as float16 holds
 * it. Each step can only lower the squared error, but for the scale's own rounding.
 */
function roundTo4(values: Float32Array, bits: Int32Array, from: number, out: Int32Array, to: number): number {
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

/** The nearest of -8..7, plus 8. Truncation is floor here: all that is below 0.5 is clamped to 0 anyway. */
function nibble(value: number): number {
  return Math.max(Math.min((value + 8.5) | 0, 15), 0);
}

/** 32 values to the bytes of one row of a tile, symmetric around 128, eight words `16` apart; returns the scale's bits. */
function roundTo8(values: Float32Array, bits: Int32Array, from: number, out: Int32Array, to: number): number {
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
