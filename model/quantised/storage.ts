// How a weight matrix lies in the tensors of a published, quantised checkpoint: plain data, which worker threads receive.
// Every form is `value = (code - zero) * scale`: codes in one tensor, and grids of scales and zero points in others.

/** A tensor's bytes in a file. */
export interface Place {
  path: string;
  /** The tensor's name, for errors. */
  name: string;
  /** Byte of the file at which the tensor starts. */
  start: number;
}

/**
 * Where the code of an element is. `row`: the codes of a row follow each other, lowest bits first.
 * `gptq`: 32-bit words `[cols * bits / 32, rows]`, in which the codes of one row follow each other down a column.
 * `awq`: 32-bit words `[cols, rows / 8]`. A word has eight rows of one column, in AWQ's order.
 */
export type Packing = 'row' | 'gptq' | 'awq';

/** Bits of a code. */
export type CodeBits = 2 | 3 | 4 | 8;

/**
 * What a code stands for: an 8-bit float (`e4m3`), a 4-bit float (`e2m1`), a two's complement number (`signed`), the code itself
 * (`unsigned`), or the code minus half of its range (`offset`).
 */
export type CodeValue = 'e4m3' | 'e2m1' | 'signed' | 'unsigned' | 'offset';

export interface Codes extends Place {
  packing: Packing;
  bits: CodeBits;
  value: CodeValue;
  /** Whether a row fills whole 32-bit words. */
  isPadded?: true;
}

/** `E8M0` is a power of two in one byte, with the bias 127. */
export type ScaleDtype = 'F32' | 'F16' | 'BF16' | 'E8M0';

/** One number for each block of the matrix: `[ceil(rows / blockRows), ceil(cols / blockCols)]`, or its transpose. */
export interface Scales extends Place {
  dtype: ScaleDtype;
  blockRows: number;
  blockCols: number;
  /** Whether the tensor is `[blocks of columns, blocks of rows]`. `blockRows` is 1 then. */
  transposed: boolean;
}

/**
 * Zero points of the scales' blocks. `byte`: signed bytes, in the scales' order. `down`: words `[ceil(rows * bits / 32), groups]`,
 * with the codes of successive rows down a column, minus half of their range. `gptq` and `awq`: words `[groups, rows * bits / 32]`.
 */
export interface Zeros extends Place {
  packing: 'byte' | 'down' | 'gptq' | 'awq';
  bits: CodeBits;
  /** Added to a stored code, modulo the range of codes. GPTQ's first format stores zero points minus 1. */
  add: 0 | 1;
}

/** The matrix `[rows, cols]` of `y = x Wᵀ`. */
export interface QuantisedStorage {
  kind: 'quantised';
  rows: number;
  cols: number;
  codes: Codes;
  scales: Scales;
  zeros?: Zeros;
  /** `[cols]` int32: the group of each column, if groups are not in the order of columns. */
  groupOf?: Place;
  /** `[2]` int64: the matrix's shape as the checkpoint states it. It is compared when the matrix is read. */
  statedShape?: Place;
}
