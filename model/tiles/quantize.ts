// Rounds floats to tiles. Plain double arithmetic in a fixed order gives the same bytes on every machine.
import type { Matrix } from '../tensor.ts';
import { matrixBytes, SCALE_BYTES, tileBytes, tileGrid } from './layout.ts';
import { GROUP, TILE_ROWS } from './precision.ts';
import { precisionOf, type TileEncoding } from './precisions.ts';

/** Rounds a row-major `[rows, cols]` matrix. Throws a RangeError on NaN, infinity, or a group too large for a float16 scale. */
export function quantize(values: Float32Array, rows: number, cols: number, encoding: TileEncoding): Matrix {
  const matrix = { encoding, rows, cols, data: new Uint8Array(matrixBytes(encoding, rows, cols)) };
  quantizeInto(values, matrix);
  return matrix;
}

/** As `quantize`, into the matrix's `data`, which has exactly the right length and starts at a multiple of 4. */
export function quantizeInto(
  values: Float32Array,
  { encoding, rows, cols, data }: Matrix & { encoding: TileEncoding },
): void {
  if (values.length !== rows * cols) throw new RangeError(`${values.length} values for [${rows}, ${cols}]`);
  const { rowBlocks, colBlocks } = tileGrid(rows, cols);
  const bytes = tileBytes(encoding);
  if (data.length !== rowBlocks * colBlocks * bytes) throw new RangeError('the output has the wrong length');
  const { round, zeros } = precisionOf(encoding);
  const words = new Int32Array(data.buffer, data.byteOffset, data.length / 4);
  const bits = bitsOf(values);
  const edge = new Float32Array(GROUP);
  const edgeBits = bitsOf(edge);
  for (let tile = 0; tile < rowBlocks * colBlocks; tile++) {
    const at = tile * bytes;
    const scales = at + bytes - SCALE_BYTES;
    const firstRow = Math.floor(tile / colBlocks) * TILE_ROWS;
    const firstCol = (tile % colBlocks) * GROUP;
    const lanes = Math.min(TILE_ROWS, rows - firstRow);
    const width = Math.min(GROUP, cols - firstCol);
    if (lanes < TILE_ROWS) {
      for (const [vector, byte] of zeros.entries()) data.fill(byte, at + 64 * vector, at + 64 * (vector + 1));
      data.fill(0, scales, at + bytes);
    }
    for (let lane = 0; lane < lanes; lane++) {
      const from = (firstRow + lane) * cols + firstCol;
      const whole = width === GROUP;
      if (!whole) edge.fill(0).set(values.subarray(from, from + width));
      const scale = whole
        ? round(values, bits, from, words, at / 4 + lane)
        : round(edge, edgeBits, 0, words, at / 4 + lane);
      data[scales + 2 * lane] = scale & 255;
      data[scales + 2 * lane + 1] = scale >> 8;
    }
  }
}

function bitsOf(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length);
}
