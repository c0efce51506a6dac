// Reads a strip of rows of a quantised matrix as floats. The memory that it needs grows with the strip, not with the matrix.
import { firstNonFinite } from '../../../base/finite.ts';
import type { ReadBytes } from '../../convert/storage/storage.ts';
import type { Packing, Place, QuantisedStorage } from '../storage.ts';
import { type CodeStrip, decodeAwq, decodeGptq, decodeRows } from './codes.ts';
import { gather } from './gather.ts';
import { decodeScales, decodeZeros, type Grid } from './grids.ts';
import { codePieces, groupsOf, type Span, scalePieces, zeroPieces } from './reads.ts';

const codeDecoders: Readonly<Record<Packing, (codes: CodeStrip, out: Float32Array) => void>> = {
  row: decodeRows,
  gptq: decodeGptq,
  awq: decodeAwq,
};

/** Writes `[strip.count, cols]` to `out`. Throws a RangeError about contents that cannot be right, such as NaN and infinity. */
export function readQuantised(
  matrix: QuantisedStorage,
  strip: Span,
  read: ReadBytes,
  out: Float32Array,
): void {
  const { rows, cols, codes, scales, zeros } = matrix;
  const { first, count } = strip;
  if (first < 0 || count < 1 || first + count > rows || out.length !== count * cols) {
    throw new RangeError(`rows ${first} to ${first + count - 1} of ${rows} do not fill ${out.length} values`);
  }
  checkStatedShape(matrix, read);
  const groupOf = columnGroups(matrix, read);
  const grid = decodeScales(matrix, strip, gather(scalePieces(matrix, strip), read));
  const badScale = firstNonFinite(grid.values);
  if (badScale !== undefined)
    throw new RangeError(`cannot be decoded, because ${scales.name} holds ${grid.values[badScale]}`);
  const zeroPoints =
    zeros === undefined
      ? new Float32Array(grid.values.length)
      : decodeZeros(grid, zeros, strip, gather(zeroPieces(matrix, zeros, strip), read));
  const bytes = gather(codePieces(matrix, strip), read);
  codeDecoders[codes.packing]({ bytes, codes, strip, cols }, out);
  if (groupOf === undefined) scaleBlocks(out, cols, scales.blockCols, grid, zeroPoints);
  else scaleColumns(out, cols, groupOf, grid, zeroPoints);
  const bad = firstNonFinite(out);
  if (bad !== undefined) {
    throw new RangeError(`holds ${out[bad]} in row ${first + Math.floor(bad / cols)}, column ${bad % cols}`);
  }
}

function checkStatedShape({ rows, cols, statedShape }: QuantisedStorage, read: ReadBytes): void {
  if (statedShape === undefined) return;
  const bytes = read(statedShape.path, statedShape.start, 16);
  const stated = new BigInt64Array(bytes.buffer, bytes.byteOffset, 2);
  if (stated[0] === BigInt(rows) && stated[1] === BigInt(cols)) return;
  throw new RangeError(`has shape [${rows},${cols}], but ${statedShape.name} says [${stated}]`);
}

/** The group of each column. undefined if groups are in the order of columns. */
function columnGroups(matrix: QuantisedStorage, read: ReadBytes): Int32Array | undefined {
  const { cols, groupOf: place } = matrix;
  if (place === undefined) return undefined;
  const groupOf = readInts(place, cols, read);
  // compressed-tensors fills the tensor with -1 if the order of columns was not changed.
  if (groupOf.every((group) => group === -1)) return undefined;
  const groups = groupsOf(matrix);
  const bad = groupOf.findIndex((group) => group < 0 || group >= groups);
  if (bad === -1) return groupOf;
  throw new RangeError(`has ${groups} groups, but ${place.name} puts column ${bad} in group ${groupOf[bad]}`);
}

function readInts({ path, start }: Place, count: number, read: ReadBytes): Int32Array {
  const bytes = read(path, start, count * 4);
  return new Int32Array(bytes.buffer, bytes.byteOffset, count).slice();
}

function scaleBlocks(
  out: Float32Array,
  cols: number,
  blockCols: number,
  grid: Grid,
  zeros: Float32Array,
): void {
  for (let row = 0, at = 0; at < out.length; row++) {
    let block = grid.rowOf(row) * grid.groups;
    for (let col = 0; col < cols; col += blockCols, block++) {
      const scale = grid.values[block]!;
      const zero = zeros[block]!;
      const end = at + Math.min(blockCols, cols - col);
      for (; at < end; at++) out[at] = (out[at]! - zero) * scale;
    }
  }
}

function scaleColumns(
  out: Float32Array,
  cols: number,
  groupOf: Int32Array,
  grid: Grid,
  zeros: Float32Array,
): void {
  for (let row = 0, at = 0; at < out.length; row++) {
    const block = grid.rowOf(row) * grid.groups;
    for (let col = 0; col < cols; col++, at++) {
      const index = block + groupOf[col]!;
      out[at] = (out[at]! - zeros[index]!) * grid.values[index]!;
    }
  }
}
