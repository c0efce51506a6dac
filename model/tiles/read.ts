// Stored matrices back to floats.
import { halfToNumber, widenBrain, widenHalf } from '../floats.ts';
import type { Matrix } from '../tensor.ts';
import { checkedData, floatBytes, SCALE_BYTES, tileBytes } from './layout.ts';
import { GROUP, TILE_ROWS } from './precision.ts';
import { type FloatEncoding, isTiled, precisionOf, type TileEncoding } from './precisions.ts';

/** Writes row `row` of the matrix as floats to `out[offset .. offset + cols)`. */
export function readRow(matrix: Matrix, row: number, out: Float32Array, offset: number): void {
  if (!(row >= 0 && row < matrix.rows)) throw new RangeError(`row ${row} of a matrix with ${matrix.rows}`);
  const data = checkedData(matrix);
  const { encoding, cols } = matrix;
  if (isTiled(encoding)) readTiledRow(data, encoding, cols, row, out, offset);
  else readFloatRow(data, encoding, cols, row, out, offset);
}

/** All values, row-major `[rows, cols]`. */
export function dequantize(matrix: Matrix): Float32Array {
  const out = new Float32Array(matrix.rows * matrix.cols);
  for (let row = 0; row < matrix.rows; row++) readRow(matrix, row, out, row * matrix.cols);
  return out;
}

function readFloatRow(
  data: Uint8Array,
  encoding: FloatEncoding,
  cols: number,
  row: number,
  out: Float32Array,
  offset: number,
): void {
  const width = floatBytes[encoding] * cols;
  const target = out.subarray(offset, offset + cols);
  // The bytes are copied because `data` may lie at an odd address of a larger buffer, where a wider view is refused.
  const bytes = data.slice(row * width, (row + 1) * width);
  if (encoding === 'f32') target.set(new Float32Array(bytes.buffer));
  else if (encoding === 'f16') widenHalf(new Uint16Array(bytes.buffer), target);
  else widenBrain(new Uint16Array(bytes.buffer), target);
}

function readTiledRow(
  data: Uint8Array,
  encoding: TileEncoding,
  cols: number,
  row: number,
  out: Float32Array,
  offset: number,
): void {
  const bytes = tileBytes(encoding);
  const { read } = precisionOf(encoding);
  const colBlocks = Math.ceil(cols / GROUP);
  const lane = row % TILE_ROWS;
  const group = new Float32Array(GROUP);
  for (let block = 0; block < colBlocks; block++) {
    const tile = (Math.floor(row / TILE_ROWS) * colBlocks + block) * bytes;
    const scale = tileScale(data, tile + bytes, lane);
    read(data, tile, lane, group);
    const width = Math.min(GROUP, cols - block * GROUP);
    for (let i = 0; i < width; i++) out[offset + block * GROUP + i] = group[i]! * scale;
  }
}

/** Scale of row `lane` of the tile that ends at `end`. */
export function tileScale(data: Uint8Array, end: number, lane: number): number {
  const at = end - SCALE_BYTES + 2 * lane;
  return halfToNumber(data[at]! | (data[at + 1]! << 8));
}
