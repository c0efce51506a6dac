// Tiles to the layout of ONNX Runtime's com.microsoft MatMulNBits.
import type { Matrix } from '../tensor.ts';
import { checkedData, tileBytes, tileGrid } from './layout.ts';
import { GROUP, TILE_ROWS } from './precision.ts';
import { precisionOf } from './precisions.ts';
import { tileScale } from './read.ts';

export interface Blocks {
  /** `[rows, ceil(cols / 32), 16]` at 4 bits (input 2i in the low nibble of byte i, 2i+1 in the high), `[…, 32]` at 8. */
  blocks: Uint8Array;
  /** `[rows * ceil(cols / 32)]`. Zero points are the operator's defaults: 8 and 128. */
  scales: Float32Array;
}

export function toBlocks(matrix: Matrix): Blocks {
  const { encoding, rows, cols } = matrix;
  const { bits, repack } = precisionOf(encoding);
  const data = checkedData(matrix);
  const { colBlocks } = tileGrid(rows, cols);
  const bytes = tileBytes(encoding);
  const blockBytes = (GROUP * bits) / 8;
  const blocks = new Uint8Array(rows * colBlocks * blockBytes);
  const scales = new Float32Array(rows * colBlocks);
  for (let row = 0; row < rows; row++) {
    const lane = row % TILE_ROWS;
    for (let block = 0; block < colBlocks; block++) {
      const tile = (Math.floor(row / TILE_ROWS) * colBlocks + block) * bytes;
      const index = row * colBlocks + block;
      scales[index] = tileScale(data, tile + bytes, lane);
      repack(data, tile + lane * 4, blocks, index * blockBytes);
    }
  }
  return { blocks, scales };
}
