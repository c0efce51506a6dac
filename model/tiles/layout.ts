// The bytes of a stored matrix: row-major floats, or tiles of 16 rows x 32 inputs at 4 or 8 bits. Knows no names and
// no files. docs/bundle.md is the specification.
//
// A tile: vectors of 64 bytes, then one float16 scale a row. Byte r*4+j of a vector belongs to row r (0..15), so that
// one 64-byte load feeds 16 dot products of 4 inputs. q4 has four vectors: vector v holds input 8v+j in its low
// nibbles, 8v+4+j in its high ones. q8 has eight: vector v holds input 4v+j. Tiles lie row block after row block.
import type { Encoding, Matrix } from '../tensor.ts';

export const TILE_ROWS = 16;
/** Inputs that share one scale. */
export const GROUP = 32;

export type TileEncoding = 'q4' | 'q8';

/** One tile's bytes: 64 * vectors of weights, 32 of scales. */
export const TILE_BYTES: Readonly<Record<TileEncoding, number>> = { q4: 288, q8: 544 };

/** Bytes of one value. */
export const FLOAT_BYTES = { f32: 4, f16: 2, bf16: 2 } as const;

export function isTiled(encoding: Encoding): encoding is TileEncoding {
  return encoding === 'q4' || encoding === 'q8';
}

/** Tiles down and across a `[rows, cols]` matrix. */
export function tileGrid(rows: number, cols: number): { rowBlocks: number; colBlocks: number } {
  return { rowBlocks: Math.ceil(rows / TILE_ROWS), colBlocks: Math.ceil(cols / GROUP) };
}

/** Bytes of a `[rows, cols]` matrix as stored. */
export function matrixBytes(encoding: Encoding, rows: number, cols: number): number {
  if (!isTiled(encoding)) return rows * cols * FLOAT_BYTES[encoding];
  const { rowBlocks, colBlocks } = tileGrid(rows, cols);
  return rowBlocks * colBlocks * TILE_BYTES[encoding];
}

/** The matrix's own bytes, checked: a device that got the wrong length would compute on its neighbour's weights. */
export function checkedData({ encoding, rows, cols, data }: Matrix): Uint8Array {
  const bytes = matrixBytes(encoding, rows, cols);
  if (data.length !== bytes) {
    throw new RangeError(`a ${encoding} matrix [${rows}, ${cols}] has ${bytes} bytes, not ${data.length}`);
  }
  return data;
}
