// Tensors as a checkpoint's model class has them, whatever the form in which the file stores them.
import { tensorError } from '../../errors.ts';
import type { TensorEntry } from '../../safetensors.ts';
import type { FloatDtype } from '../task.ts';
import { floatWidth } from './plain.ts';
import type { Storage } from './storage.ts';

/** An entry of a file's header, and the file. */
export interface SourceTensor extends TensorEntry {
  path: string;
}

/** Selects a matrix `[rows, cols]` of a tensor. `item` is the index in the first dimension of a stack of matrices. */
export interface MatrixPart {
  item?: number;
  rows: number;
  cols: number;
  /** Whether the tensor has the transposed matrix, `[cols, rows]`. */
  transposed?: boolean;
}

export interface LogicalTensor {
  /** Name and file for errors. */
  name: string;
  path: string;
  /** Shape of the floats. */
  shape: readonly number[];
  /** The type in which a bundle keeps the tensor if it keeps floats. */
  dtype: FloatDtype;
  /** The published form, for the manifest: `BF16`, `F8_E4M3`, `mxfp4`, … */
  form: string;
  /** Whether every matrix is `[outputs, inputs]`, although the layout transposes matrices of floats. */
  isRowMajor?: true;
  /** Set if a small tensor, too, can be read only as the matrix that it is. */
  isRead?: 'by row';
  /** Names of the stored tensors. */
  stored: readonly string[];
  /** Bytes of the file that a matrix of `values` values takes, for progress. */
  bytesOf(values: number): number;
  storage(part: MatrixPart): Storage;
}

const floatDtypes: readonly string[] = ['F32', 'F16', 'BF16'];

/** A tensor of plain floats. Throws an InputError for other types. */
export function plainTensor({ name, path, dtype, shape, start }: SourceTensor): LogicalTensor {
  if (!isFloat(dtype)) throw tensorError(path, name, `has dtype ${dtype}; F32, F16 and BF16 are read`);
  const width = floatWidth[dtype];
  return {
    ...{ name, path, shape, dtype, form: dtype, stored: [name] },
    bytesOf: (values) => values * width,
    storage: ({ item = 0, rows, cols, transposed }) => ({
      ...{ kind: 'plain', path, start: start + item * rows * cols * width, dtype, rows, cols },
      ...(transposed && { transposed }),
    }),
  };
}

function isFloat(dtype: string): dtype is FloatDtype {
  return floatDtypes.includes(dtype);
}
