// Decodes the scales and zero points of a strip to floats `[blocks of rows, blocks of columns]`.
import { widenBrain, widenHalf } from '../../floats.ts';
import type { QuantisedStorage, ScaleDtype, Zeros } from '../storage.ts';
import { awqPlaces, codeAt, wordsOf } from './codes.ts';
import { blockSpan, groupsOf, type Span, scaleBytes, wordSpan } from './reads.ts';

/** Numbers of a strip's blocks. Row `r` of the strip uses row `rowOf(r)` of `values [.., groups]`. */
export interface Grid {
  values: Float32Array;
  groups: number;
  rowOf: (row: number) => number;
}

const E8M0_BIAS = 127;

const wideners: Readonly<Record<ScaleDtype, (bytes: Uint8Array, out: Float32Array) => void>> = {
  F32: (bytes, out) => out.set(new Float32Array(bytes.buffer, bytes.byteOffset, out.length)),
  F16: (bytes, out) => widenHalf(new Uint16Array(bytes.buffer, bytes.byteOffset, out.length), out),
  BF16: (bytes, out) => widenBrain(new Uint16Array(bytes.buffer, bytes.byteOffset, out.length), out),
  // 255 is NaN in this format.
  E8M0: (bytes, out) => {
    for (let i = 0; i < out.length; i++) {
      out[i] = bytes[i] === 255 ? Number.NaN : 2 ** (bytes[i]! - E8M0_BIAS);
    }
  },
};

export function decodeScales(matrix: QuantisedStorage, strip: Span, bytes: Uint8Array): Grid {
  const { dtype, blockRows, transposed } = matrix.scales;
  const groups = groupsOf(matrix);
  const values = new Float32Array(bytes.length / scaleBytes[dtype]);
  wideners[dtype](bytes, values);
  const blocks = blockSpan(strip, blockRows);
  return {
    values: transposed ? transpose(values, groups, blocks.count) : values,
    groups,
    rowOf: (row) => Math.floor((strip.first + row) / blockRows) - blocks.first,
  };
}

/** `[height, width]` to `[width, height]` */
function transpose(values: Float32Array, height: number, width: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) out[x * height + y] = values[y * width + x]!;
  }
  return out;
}

/** The zero points of a strip in the layout of its scales' `grid`. Packed ones belong to blocks of one row. */
export function decodeZeros(grid: Grid, zeros: Zeros, strip: Span, bytes: Uint8Array): Float32Array {
  if (zeros.packing === 'byte')
    return Float32Array.from(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  const { groups, values } = grid;
  const out = new Float32Array(values.length);
  const stored = wordSpan(strip, zeros.bits);
  const words = wordsOf(bytes);
  const codeOf = zeroCodes[zeros.packing];
  const mask = 2 ** zeros.bits - 1;
  const less = zeros.packing === 'down' ? 2 ** (zeros.bits - 1) : 0;
  const firstBit = strip.first * zeros.bits - stored.first * 32;
  for (let row = 0, to = 0; to < out.length; row++) {
    const bit = firstBit + row * zeros.bits;
    for (let group = 0; group < groups; group++) {
      const code = codeOf(words, bit, group, zeros.bits, { groups, width: stored.count });
      out[to++] = ((code + zeros.add) & mask) - less;
    }
  }
  return out;
}

/** The code of a group whose bits start at `bit` of the strip's words. */
type ZeroCode = (
  words: Uint32Array,
  bit: number,
  group: number,
  bits: number,
  shape: { groups: number; width: number },
) => number;

const zeroCodes: Readonly<Record<Exclude<Zeros['packing'], 'byte'>, ZeroCode>> = {
  down: (words, bit, group, bits, { groups }) => codeAt(words, group, groups, bit, bits),
  gptq: (words, bit, group, bits, { width }) => codeAt(words, group * width, 1, bit, bits),
  awq: (words, bit, group, _bits, { width }) =>
    (words[group * width + (bit >>> 5)]! >>> (4 * awqPlaces[(bit >>> 2) & 7]!)) & 15,
};
