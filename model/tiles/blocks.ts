// Tiles to the layout of ONNX Runtime's com.microsoft MatMulNBits. Knows tiles, no sessions.
import type { Matrix } from '../tensor.ts';
import { checkedData, GROUP, isTiled, TILE_BYTES, TILE_ROWS, tileGrid } from './layout.ts';
import { tileScale } from './read.ts';

export interface Blocks {
  /** `[rows, ceil(cols / 32), 16]` at 4 bits (input 2i in the low nibble of byte i, 2i+1 in the high), `[…, 32]` at 8. */
  blocks: Uint8Array;
  /** `[rows * ceil(cols / 32)]`; zero points are the operator's own: 8 and 128. */
  scales: Float32Array;
}

export function toBlocks(matrix: Matrix): Blocks {
  const { encoding, rows, cols } = matrix;
  if (!isTiled(encoding)) throw new RangeError(`a ${encoding} matrix has no blocks`);
  const data = checkedData(matrix);
  const { colBlocks } = tileGrid(rows, cols);
  const tileBytes = TILE_BYTES[encoding];
  const blockBytes = encoding === 'q4' ? GROUP / 2 : GROUP;
  const repack = encoding === 'q4' ? repack4 : repack8;
  const blocks = new Uint8Array(rows * colBlocks * blockBytes);
  const scales = new Float32Array(rows * colBlocks);
  for (let row = 0; row < rows; row++) {
    const lane = row % TILE_ROWS;
    for (let block = 0; block < colBlocks; block++) {
      const tile = (Math.floor(row / TILE_ROWS) * colBlocks + block) * tileBytes;
      const index = row * colBlocks + block;
      scales[index] = tileScale(data, tile + tileBytes, lane);
      repack(data, tile + lane * 4, blocks, index * blockBytes);
    }
  }
  return { blocks, scales };
}

/** Inputs 8v+0..3 are the low nibbles of four bytes, 8v+4..7 their high ones; the operator wants neighbours paired. */
function repack4(data: Uint8Array, from: number, out: Uint8Array, to: number): void {
  for (let v = 0; v < 4; v++) {
    const at = from + 64 * v;
    const [b0, b1, b2, b3] = [data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!];
    out[to + 4 * v] = (b0 & 15) | ((b1 & 15) << 4);
    out[to + 4 * v + 1] = (b2 & 15) | ((b3 & 15) << 4);
    out[to + 4 * v + 2] = (b0 >> 4) | (b1 & 0xf0);
    out[to + 4 * v + 3] = (b2 >> 4) | (b3 & 0xf0);
  }
}

function repack8(data: Uint8Array, from: number, out: Uint8Array, to: number): void {
  for (let i = 0; i < GROUP; i++) out[to + i] = data[from + (i >> 2) * 64 + (i & 3)]!;
}
