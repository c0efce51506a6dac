// Decodes the codes of a strip to their values, before scales are applied.
import type { Codes } from '../storage.ts';
import { codeTable } from './code-tables.ts';
import { rowBytes, type Span, WORD_BITS, wordSpan } from './reads.ts';

const AWQ_BITS = 4;

/** For each row of eight, where AWQ keeps its code in a word, in units of four bits: rows 0, 2, 4, 6, 1, 3, 5, 7 lie from low to high. */
export const awqPlaces = [0, 4, 1, 5, 2, 6, 3, 7] as const;

/** The bytes of a strip's codes, as `codePieces` describes them. */
export interface CodeStrip {
  bytes: Uint8Array;
  codes: Codes;
  strip: Span;
  cols: number;
}

/** Words of bytes that start at a multiple of four. */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** Codes whose rows follow each other, lowest bits first. */
export function decodeRows({ bytes, codes, strip, cols }: CodeStrip, out: Float32Array): void {
  const { bits } = codes;
  const stride = rowBytes(cols, codes);
  const table = codeTable(codes.value, bits);
  if (bits === 8) {
    for (let row = 0, to = 0; row < strip.count; row++) {
      const from = row * stride;
      for (let col = 0; col < cols; col++) out[to++] = table[bytes[from + col]!]!;
    }
    return;
  }
  if (bits !== 4) throw new RangeError(`rows of ${bits}-bit codes are not read`);
  const pairs = cols >>> 1;
  for (let row = 0, to = 0; row < strip.count; row++) {
    const from = row * stride;
    for (let i = 0; i < pairs; i++) {
      const byte = bytes[from + i]!;
      out[to++] = table[byte & 15]!;
      out[to++] = table[byte >>> 4]!;
    }
    if (cols & 1) out[to++] = table[bytes[from + pairs]! & 15]!;
  }
}

/** Words `[cols * bits / 32, rows of the strip]`: the codes of a row follow each other down a column of words. */
export function decodeGptq({ bytes, codes, strip, cols }: CodeStrip, out: Float32Array): void {
  const { bits } = codes;
  const words = wordsOf(bytes);
  const table = codeTable(codes.value, bits);
  const width = strip.count;
  const mask = 2 ** bits - 1;
  for (let row = 0; row < strip.count; row++) {
    let to = row * cols;
    if (WORD_BITS % bits !== 0) {
      for (let col = 0; col < cols; col++) {
        out[to++] = table[codeAt(words, row, width, col * bits, bits)]!;
      }
      continue;
    }
    for (let at = row; at < words.length; at += width) {
      let word = words[at]!;
      for (let shift = 0; shift < WORD_BITS; shift += bits) {
        out[to++] = table[word & mask]!;
        word >>>= bits;
      }
    }
  }
}

/** The code at bit `bit` of the words `words[base]`, `words[base + stride]`, …. It may lie in two of them. */
export function codeAt(words: Uint32Array, base: number, stride: number, bit: number, bits: number): number {
  const at = base + (bit >>> 5) * stride;
  const shift = bit & 31;
  const low = words[at]! >>> shift;
  const high = shift + bits > 32 ? words[at + stride]! << (32 - shift) : 0;
  return (low | high) & (2 ** bits - 1);
}

/** Words `[cols, rows of the strip / 8]`: a word has eight rows of one column. */
export function decodeAwq({ bytes, codes, strip, cols }: CodeStrip, out: Float32Array): void {
  const words = wordsOf(bytes);
  const table = codeTable(codes.value, AWQ_BITS);
  const { first, count: width } = wordSpan(strip, AWQ_BITS);
  for (let row = 0; row < strip.count; row++) {
    const stored = strip.first + row;
    const shift = AWQ_BITS * awqPlaces[stored & 7]!;
    let at = (stored >>> 3) - first;
    for (let to = row * cols, end = to + cols; to < end; to++, at += width) {
      out[to] = table[(words[at]! >>> shift) & 15]!;
    }
  }
}
