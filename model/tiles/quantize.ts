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

/** As `quantize`, into `out`, which holds exactly the matrix's bytes. */
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
  const groupInto = encoding === 'q4' ? groupTo4 : groupTo8;
  const zero = encoding === 'q4' ? 0x88 : 0x80;
  const edge = new Float32Array(GROUP);
  for (let tile = 0; tile < rowBlocks * colBlocks; tile++) {
    const at = tile * tileBytes;
    const firstRow = Math.floor(tile / colBlocks) * TILE_ROWS;
    const firstCol = (tile % colBlocks) * GROUP;
    const lanes = Math.min(TILE_ROWS, rows - firstRow);
    const width = Math.min(GROUP, cols - firstCol);
    if (lanes < TILE_ROWS) {
      out.fill(zero, at, at + tileBytes - 2 * TILE_ROWS); // rows past the edge: zero weights, zero scales
      out.fill(0, at + tileBytes - 2 * TILE_ROWS, at + tileBytes);
    }
    for (let lane = 0; lane < lanes; lane++) {
      const from = (firstRow + lane) * cols + firstCol;
      let scale: number;
      if (width === GROUP) {
        scale = groupInto(values, from, out, at + lane * 4);
      } else {
        edge.fill(0).set(values.subarray(from, from + width));
        scale = groupInto(edge, 0, out, at + lane * 4);
      }
      const scaleAt = at + tileBytes - 2 * TILE_ROWS + 2 * lane;
      out[scaleAt] = scale & 255;
      out[scaleAt + 1] = scale >> 8;
    }
  }
}

function refuse(values: Float32Array, from: number): never {
  const bad = values.subarray(from, from + GROUP).find((value) => !Number.isFinite(value));
  if (bad !== undefined) throw new RangeError(`holds ${bad}`);
  throw new RangeError('holds values too large for a float16 scale');
}

/**
 * 32 values to the nibbles of one row of a tile; returns the float16 bits of their scale.
 *
 * The value farthest from zero is laid on -8 (the scale takes its sign), which uses all 16 steps; then the scale is
 * set to the least-squares best for those steps and everything is rounded once more to that scale as float16 holds
 * it. Each step can only lower the squared error.
 */
function groupTo4(values: Float32Array, from: number, out: Uint8Array, to: number): number {
  let largest = 0;
  let extreme = 0;
  for (let i = from; i < from + GROUP; i++) {
    const value = values[i]!;
    const magnitude = value < 0 ? -value : value;
    if (magnitude > largest) {
      largest = magnitude;
      extreme = value;
    }
  }
  const steps = largest === 0 ? 0 : -8 / extreme;
  let products = 0;
  let squares = 0;
  for (let i = from; i < from + GROUP; i++) {
    const value = values[i]!;
    let q = ((value * steps + 8.5) | 0) - 8;
    if (q > 7) q = 7;
    products += value * q;
    squares += q * q;
  }
  // A NaN makes `products` NaN; an infinity does the same through infinity * 0 steps.
  if (!(products - products === 0)) refuse(values, from);
  const half = squares === 0 ? 0 : numberToHalf(products / squares);
  const scale = halfToNumber(half);
  if (scale - scale !== 0) refuse(values, from);
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let v = 0; v < 4; v++) {
    for (let j = 0; j < 4; j++) {
      const at = from + 8 * v + j;
      out[to + 64 * v + j] = nibble(values[at]! * inverse) | (nibble(values[at + 4]! * inverse) << 4);
    }
  }
  return half;
}

/** The nearest of -8..7, plus 8. */
function nibble(value: number): number {
  const q = (value + 8.5) | 0; // truncation is floor here: all below 0.5 clamps to 0
  return q > 15 ? 15 : Math.max(q, 0);
}

/** 32 values to the bytes of one row of a tile, symmetric around 128; returns the float16 bits of their scale. */
function groupTo8(values: Float32Array, from: number, out: Uint8Array, to: number): number {
  let largest = 0;
  let sum = 0;
  for (let i = from; i < from + GROUP; i++) {
    const value = values[i]!;
    const magnitude = value < 0 ? -value : value;
    if (magnitude > largest) largest = magnitude;
    sum += value;
  }
  if (!(sum - sum === 0)) refuse(values, from);
  const half = numberToHalf(largest / 127);
  const scale = halfToNumber(half);
  if (scale - scale !== 0) refuse(values, from);
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let i = 0; i < GROUP; i++) {
    const q = (values[from + i]! * inverse + 128.5) | 0;
    out[to + (i >> 2) * 64 + (i & 3)] = q > 255 ? 255 : Math.max(q, 1);
  }
  return half;
}
