// Finds and checks the stored tensors that make up one quantised tensor.
import type { SourceTensor } from '../../convert/storage/logical.ts';
import { tensorError } from '../../errors.ts';
import type { BlockSize } from '../settings/scheme.ts';
import type { Place, QuantisedStorage, ScaleDtype, Scales } from '../storage.ts';

export type StoredTensor = SourceTensor;

/** Finds an entry by the name in the file. */
export type FindStored = (name: string) => StoredTensor | undefined;

/** A tensor whose floats are in several stored tensors. */
export interface QuantisedTensor {
  /** Of the floats: `[rows, cols]`, or `[items, rows, cols]` for a stack of matrices. */
  shape: readonly number[];
  /** The stored tensors that are read. The first has the codes. */
  stored: readonly [StoredTensor, ...StoredTensor[]];
  /** The form in one word, such as `gptq4`. */
  form: string;
  /** The matrix, or item `item` of the stack. */
  matrix(item: number): QuantisedStorage;
}

/** The stored tensors of one form. `name` is the name of the tensor of floats that they replace. */
export interface StoredParts {
  name: string;
  /** `name` without `.weight`. */
  module: string;
  find: FindStored;
}

/** Throws an InputError unless the tensor exists and has one of the types. `beside` names the tensor that needs it. */
export function required(
  { find }: StoredParts,
  name: string,
  beside: StoredTensor,
  dtypes: readonly string[],
): StoredTensor {
  const found = find(name);
  if (found === undefined) throw tensorError(beside.path, name, `is missing, though there is ${beside.name}`);
  return checked(found, dtypes);
}

/** Throws an InputError unless the tensor has one of the types. */
export function checked(tensor: StoredTensor, dtypes: readonly string[]): StoredTensor {
  if (dtypes.includes(tensor.dtype)) return tensor;
  const problem = `has dtype ${tensor.dtype}; ${dtypes.join(', ')} ${dtypes.length === 1 ? 'is' : 'are'} expected`;
  throw tensorError(tensor.path, tensor.name, problem);
}

/** Throws an InputError unless the tensor has this shape. `because` says what determines it. */
export function requireShape(tensor: StoredTensor, shape: readonly number[], because: string): void {
  if (String(tensor.shape) === String(shape)) return;
  throw tensorError(tensor.path, tensor.name, `has shape [${tensor.shape}]; ${because} needs [${shape}]`);
}

/** The last two dimensions, and the number of matrices if there is one more dimension. */
export function stackShape(tensor: StoredTensor): { items: number | undefined; rows: number; cols: number } {
  const [first = 0, second = 0, third] = tensor.shape;
  const { length } = tensor.shape;
  if ((length !== 2 && length !== 3) || tensor.shape.includes(0)) {
    throw tensorError(
      tensor.path,
      tensor.name,
      `has shape [${tensor.shape}]; a matrix, or a stack, is expected`,
    );
  }
  if (third === undefined) return { items: undefined, rows: first, cols: second };
  return { items: first, rows: second, cols: third };
}

/** The place of item `item` of a stack of `items`; the tensor's own place if it is no stack. */
export function placeOf({ path, name, start, bytes }: StoredTensor, item = 0, items = 1): Place {
  return { path, name, start: start + (bytes / items) * item };
}

const floatScales: Readonly<Record<string, ScaleDtype>> = {
  F32: 'F32',
  F16: 'F16',
  BF16: 'BF16',
  F8_E8M0: 'E8M0',
};

/** The type of scales as decoders name it. */
export function scaleDtype({ dtype, path, name }: StoredTensor): ScaleDtype {
  const known = floatScales[dtype];
  if (known !== undefined) return known;
  throw tensorError(path, name, `has dtype ${dtype}; ${Object.keys(floatScales).join(', ')} are read`);
}

/** The sizes of blocks in numbers. */
export function blockLengths({ rows, cols }: BlockSize, size: { rows: number; cols: number }) {
  return { blockRows: rows === 'all' ? size.rows : rows, blockCols: cols === 'all' ? size.cols : cols };
}

/** The number of blocks in each dimension. */
export function gridShape(
  size: { rows: number; cols: number },
  { blockRows, blockCols }: Pick<Scales, 'blockRows' | 'blockCols'>,
): [rows: number, cols: number] {
  return [Math.ceil(size.rows / blockRows), Math.ceil(size.cols / blockCols)];
}

/** Scales `[groups, outputs]` of groups of inputs, as AWQ and GPTQ have them. */
export function groupScales(scales: StoredTensor, groupSize: number): Scales {
  return {
    ...placeOf(scales),
    dtype: scaleDtype(scales),
    blockRows: 1,
    blockCols: groupSize,
    transposed: true,
  };
}

/** Groups must divide the rows, so that all packages agree on them. */
export function requireGroups(tensor: StoredTensor, cols: number, groupSize: number, bits: number): void {
  if (cols % groupSize === 0) return;
  const problem = `has ${cols} inputs of ${bits} bits, which groups of ${groupSize} do not divide`;
  throw tensorError(tensor.path, tensor.name, problem);
}
