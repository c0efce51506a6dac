// One element of a quantised matrix at a time, in the most obvious way: the reference for the decoders in model/quantised/strips.
import type { CodeValue, QuantisedStorage, ScaleDtype } from '../../../model/quantised/storage.ts';

/** The bits of a file as one string of numbers, lowest bit first. */
function bitsAt(file: Uint8Array, bit: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) {
    const at = bit + i;
    if (file[at >>> 3]! & (1 << (at & 7))) value += 2 ** i;
  }
  return value;
}

/** A float of `exponentBits` and `fractionBits` behind a sign, without infinity and NaN. */
function smallFloat(code: number, exponentBits: number, fractionBits: number): number {
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = code >>> (exponentBits + fractionBits) === 1 ? -1 : 1;
  const exponent = (code >>> fractionBits) % 2 ** exponentBits;
  const fraction = (code % 2 ** fractionBits) / 2 ** fractionBits;
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}

const values: Readonly<Record<CodeValue, (code: number, bits: number) => number>> = {
  e4m3: (code) => smallFloat(code, 4, 3),
  e2m1: (code) => smallFloat(code, 2, 1),
  signed: (code) => new Int8Array([code])[0]!,
  unsigned: (code) => code,
  offset: (code, bits) => code - 2 ** (bits - 1),
};

const scales: Readonly<Record<ScaleDtype, (view: DataView, index: number) => number>> = {
  F32: (view, index) => view.getFloat32(index * 4, true),
  F16: (view, index) => smallFloat(view.getUint16(index * 2, true), 5, 10),
  BF16: (view, index) => smallFloat(view.getUint16(index * 2, true), 8, 7),
  E8M0: (view, index) => 2 ** (view.getUint8(index) - 127),
};

/** AWQ's order: the rows of a word from its lowest bits on. */
const awqRows = [0, 2, 4, 6, 1, 3, 5, 7];

export function slowElement(matrix: QuantisedStorage, file: Uint8Array, row: number, col: number): number {
  const { rows, cols, codes } = matrix;
  const { bits } = codes;
  const paddedRow = codes.isPadded ? Math.ceil((cols * bits) / 32) * 32 : cols * bits;
  const codeBit = {
    row: () => row * paddedRow + col * bits,
    gptq: () => downColumn(rows, row, col * bits),
    awq: () => (col * (rows / 8) + Math.floor(row / 8)) * 32 + awqRows.indexOf(row % 8) * 4,
  }[codes.packing]();
  const codeBits =
    codes.packing === 'gptq'
      ? Array.from({ length: bits }, (_, i) => downColumn(rows, row, col * bits + i))
      : undefined;
  const code =
    codeBits === undefined
      ? bitsAt(file, codes.start * 8 + codeBit, bits)
      : codeBits.reduce((sum, bit, i) => sum + bitsAt(file, codes.start * 8 + bit, 1) * 2 ** i, 0);
  const { scale, zero } = gridElement(matrix, file, row, col);
  return Math.fround((values[codes.value](code, bits) - zero) * scale);
}

/** Bit `bit` of column `column` of words `[.., width]`, as a bit of the tensor. */
function downColumn(width: number, column: number, bit: number): number {
  return (Math.floor(bit / 32) * width + column) * 32 + (bit % 32);
}

function gridElement(matrix: QuantisedStorage, file: Uint8Array, row: number, col: number) {
  const { rows, cols, scales: grid, zeros, groupOf } = matrix;
  const view = new DataView(file.buffer, file.byteOffset);
  const groups = Math.ceil(cols / grid.blockCols);
  const group = groupOf ? view.getInt32(groupOf.start + col * 4, true) : Math.floor(col / grid.blockCols);
  const block = Math.floor(row / grid.blockRows);
  const index = grid.transposed ? group * rows + row : block * groups + group;
  const scale = scales[grid.dtype](new DataView(file.buffer, file.byteOffset + grid.start), index);
  if (zeros === undefined) return { scale, zero: 0 };
  const { bits } = zeros;
  const at = (bit: number): number => bitsAt(file, zeros.start * 8 + bit, 1);
  const collect = (bitOf: (i: number) => number): number =>
    Array.from({ length: bits }, (_, i) => at(bitOf(i)) * 2 ** i).reduce((sum, bit) => sum + bit, 0);
  const zero = {
    byte: () => view.getInt8(zeros.start + index),
    down: () => collect((i) => downColumn(groups, group, row * bits + i)) - 2 ** (bits - 1),
    gptq: () => (collect((i) => group * rows * bits + row * bits + i) + zeros.add) % 2 ** bits,
    awq: () =>
      collect((i) => group * rows * bits + Math.floor(row / 8) * 32 + awqRows.indexOf(row % 8) * 4 + i),
  }[zeros.packing]();
  return { scale, zero };
}
