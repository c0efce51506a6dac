// Reads stored matrices: as floats, or in the layout of ONNX Runtime's com.microsoft MatMulNBits.
import { halfToNumber, widenBrain, widenHalf } from '../floats.ts';
import type { Matrix } from '../tensor.ts';
import { checkedData, floatBytes, SCALE_BYTES, tileBytes, tileGrid } from './layout.ts';
import { GROUP, TILE_ROWS } from './precision.ts';
import { type FloatEncoding, isTiled, precisionOf, type TileEncoding } from './precisions.ts';

/** Writes row `row` of the matrix as floats to `out[offset .. offset + cols)`. */
export function readRow(matrix: Matrix, row: number, out: Float32Array, offset: number): void {
  const { encoding, rows, cols } = matrix;
  if (!(row >= 0 && row < rows)) throw new RangeError(`row ${row} of a matrix with ${rows}`);
  const data = checkedData(matrix);
  const target = out.subarray(offset, offset + cols);
  if (target.length !== cols) throw new RangeError(`${target.length} places for a row of ${cols} values`);
  if (isTiled(encoding)) readTiledRow(data, encoding, row, target);
  else readFloatRow(data, encoding, row, target);
}

/** All values, row-major `[rows, cols]`. */
export function dequantize(matrix: Matrix): Float32Array {
  const out = new Float32Array(matrix.rows * matrix.cols);
  for (let row = 0; row < matrix.rows; row++) readRow(matrix, row, out, row * matrix.cols);
  return out;
}

function readFloatRow(data: Uint8Array, encoding: FloatEncoding, row: number, out: Float32Array): void {
  const width = floatBytes[encoding] * out.length;
  // The bytes are copied because `data` may lie at an odd address of a larger buffer, where a wider view is refused. `slice` would
  // not copy those of a Buffer.
  const bytes = new Uint8Array(data.subarray(row * width, (row + 1) * width));
  if (encoding === 'f32') out.set(new Float32Array(bytes.buffer));
  else if (encoding === 'f16') widenHalf(new Uint16Array(bytes.buffer), out);
  else widenBrain(new Uint16Array(bytes.buffer), out);
}

function readTiledRow(data: Uint8Array, encoding: TileEncoding, row: number, out: Float32Array): void {
  const bytes = tileBytes(encoding);
  const { read } = precisionOf(encoding);
  const colBlocks = Math.ceil(out.length / GROUP);
  const lane = row % TILE_ROWS;
  const group = new Float32Array(GROUP);
  for (let block = 0; block < colBlocks; block++) {
    const tile = (Math.floor(row / TILE_ROWS) * colBlocks + block) * bytes;
    const scale = tileScale(data, tile + bytes, lane);
    read(data, tile, lane, group);
    const width = Math.min(GROUP, out.length - block * GROUP);
    for (let i = 0; i < width; i++) out[block * GROUP + i] = group[i]! * scale;
  }
}

/** Scale of row `lane` of the tile that ends at byte `end`. */
function tileScale(data: Uint8Array, end: number, lane: number): number {
  const at = end - SCALE_BYTES + 2 * lane;
  return halfToNumber(data[at]! | (data[at + 1]! << 8));
}

export interface Blocks {
  /**
   * `[rows, ceil(cols / 32), 16]` at 4 bits (input 2i in the low nibble of byte i, 2i+1 in the high), `[…, 32]` at 8. Weights
   * of 6 bits become weights of 8, four times as large, with a quarter of the scale.
   */
  blocks: Uint8Array;
  /** `[rows * ceil(cols / 32)]`. Zero points are the operator's defaults: 8 and 128. */
  scales: Float32Array;
}

export function toBlocks(matrix: Matrix): Blocks {
  const { encoding, rows, cols } = matrix;
  const { bits, blockBits, repack } = precisionOf(encoding);
  const data = checkedData(matrix);
  const { colBlocks } = tileGrid(rows, cols);
  const bytes = tileBytes(encoding);
  const blockBytes = (GROUP * blockBits) / 8;
  const blocks = new Uint8Array(rows * colBlocks * blockBytes);
  const scales = new Float32Array(rows * colBlocks);
  for (let row = 0; row < rows; row++) {
    const lane = row % TILE_ROWS;
    for (let block = 0; block < colBlocks; block++) {
      const tile = (Math.floor(row / TILE_ROWS) * colBlocks + block) * bytes;
      const index = row * colBlocks + block;
      scales[index] = tileScale(data, tile + bytes, lane) * 2 ** (bits - blockBits);
      repack(data, tile + lane * 4, blocks, index * blockBytes);
    }
  }
  return { blocks, scales };
}
