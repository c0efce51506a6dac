// Which bytes of a quantised matrix a strip of its rows needs. Pure.
import type { Codes, Place, QuantisedStorage, ScaleDtype, Zeros } from '../storage.ts';

/** Successive rows, words or blocks. */
export interface Span {
  first: number;
  count: number;
}

/** `count` pieces of `bytes` bytes, which start `stride` bytes apart. `path` and `start` are the first piece's. */
export interface Pieces {
  path: string;
  start: number;
  bytes: number;
  count: number;
  stride: number;
}

export const scaleBytes: Readonly<Record<ScaleDtype, number>> = { F32: 4, F16: 2, BF16: 2, E8M0: 1 };

export const WORD_BITS = 32;
const WORD_BYTES = 4;

/** Bytes of a row of codes. */
export function rowBytes(cols: number, { bits, isPadded }: Pick<Codes, 'bits' | 'isPadded'>): number {
  return isPadded ? Math.ceil((cols * bits) / WORD_BITS) * WORD_BYTES : Math.ceil((cols * bits) / 8);
}

/** The blocks of `size` rows that the rows lie in. */
export function blockSpan({ first, count }: Span, size: number): Span {
  const start = Math.floor(first / size);
  return { first: start, count: Math.floor((first + count - 1) / size) - start + 1 };
}

/** The words that the codes of the rows lie in. */
export function wordSpan({ first, count }: Span, bits: number): Span {
  const start = Math.floor((first * bits) / WORD_BITS);
  return { first: start, count: Math.ceil(((first + count) * bits) / WORD_BITS) - start };
}

export function groupsOf({ cols, scales }: QuantisedStorage): number {
  return Math.ceil(cols / scales.blockCols);
}

export function codePieces({ rows, cols, codes }: QuantisedStorage, strip: Span): Pieces {
  switch (codes.packing) {
    case 'row':
      return lines(codes, strip, rowBytes(cols, codes));
    case 'gptq':
      return segments(codes, strip, (cols * codes.bits) / WORD_BITS, rows, WORD_BYTES);
    case 'awq':
      return segments(codes, wordSpan(strip, codes.bits), cols, (rows * codes.bits) / WORD_BITS, WORD_BYTES);
  }
}

export function scalePieces(matrix: QuantisedStorage, strip: Span): Pieces {
  const { scales, rows } = matrix;
  const width = scaleBytes[scales.dtype];
  const blocks = blockSpan(strip, scales.blockRows);
  const groups = groupsOf(matrix);
  if (scales.transposed) return segments(scales, blocks, groups, rows, width);
  return lines(scales, blocks, groups * width);
}

export function zeroPieces(matrix: QuantisedStorage, zeros: Zeros, strip: Span): Pieces {
  const groups = groupsOf(matrix);
  const words = wordSpan(strip, zeros.bits);
  switch (zeros.packing) {
    case 'byte':
      return lines(zeros, blockSpan(strip, matrix.scales.blockRows), groups);
    case 'down':
      return lines(zeros, words, groups * WORD_BYTES);
    case 'gptq':
    case 'awq':
      return segments(zeros, words, groups, (matrix.rows * zeros.bits) / WORD_BITS, WORD_BYTES);
  }
}

/** Columns `span` of a tensor `[height, width]`. */
function segments(
  { path, start }: Place,
  span: Span,
  height: number,
  width: number,
  element: number,
): Pieces {
  const first = start + span.first * element;
  return { path, start: first, bytes: span.count * element, count: height, stride: width * element };
}

/** Rows `span` of a tensor whose rows have `bytes` bytes. */
function lines({ path, start }: Place, span: Span, bytes: number): Pieces {
  return { path, start: start + span.first * bytes, bytes: span.count * bytes, count: 1, stride: 0 };
}
