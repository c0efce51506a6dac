// Sizes of stored matrices: row-major floats, or tiles. Tiles lie row block after row block; docs/bundle.md specifies both.
import type { Matrix } from '../tensor.ts';
import { GROUP, TILE_ROWS } from './precision.ts';
import { type Encoding, isTiled, precisionOf } from './precisions.ts';

/** Bytes of the scales at the end of a tile. */
export const SCALE_BYTES = 2 * TILE_ROWS;

/** Bytes of one value. */
export const floatBytes = { f32: 4, f16: 2, bf16: 2 } as const;

/** Bytes of one tile, scales included. */
export function tileBytes(encoding: Encoding): number {
  return (TILE_ROWS * GROUP * precisionOf(encoding).bits) / 8 + SCALE_BYTES;
}

/** Number of tiles down and across a `[rows, cols]` matrix. */
export function tileGrid(rows: number, cols: number): { rowBlocks: number; colBlocks: number } {
  return { rowBlocks: Math.ceil(rows / TILE_ROWS), colBlocks: Math.ceil(cols / GROUP) };
}

/** Bytes of a `[rows, cols]` matrix as stored. */
export function matrixBytes(encoding: Encoding, rows: number, cols: number): number {
  if (!isTiled(encoding)) return rows * cols * floatBytes[encoding];
  const { rowBlocks, colBlocks } = tileGrid(rows, cols);
  return rowBlocks * colBlocks * tileBytes(encoding);
}

/** The matrix's bytes. Throws if their number is wrong: a device would otherwise compute on the weights of other matrices. */
export function checkedData({ encoding, rows, cols, data }: Matrix): Uint8Array {
  const bytes = matrixBytes(encoding, rows, cols);
  if (data.length !== bytes) {
    throw new RangeError(`a ${encoding} matrix [${rows}, ${cols}] has ${bytes} bytes, not ${data.length}`);
  }
  return data;
}
