// Quantised tensors of a checkpoint (model/quantised) as logical tensors.
import { tensorError } from '../../errors.ts';
import type { QuantisedTensor } from '../../quantised/forms/stored.ts';
import type { LogicalTensor, MatrixPart } from './logical.ts';

export function quantisedTensor({ shape, stored, form, matrix }: QuantisedTensor): LogicalTensor {
  const [{ name, path }] = stored;
  const bytes = stored.reduce((sum, tensor) => sum + tensor.bytes, 0);
  const values = shape.reduce((product, length) => product * length, 1);
  return {
    ...{ name, path, shape, form },
    // A bundle of 16 bits has these weights as float16, which is finer than every quantised form.
    dtype: 'F32',
    isRowMajor: true,
    isRead: 'by row',
    stored: stored.map((tensor) => tensor.name),
    bytesOf: (count) => (bytes / values) * count,
    storage({ item = 0, rows, cols, transposed }: MatrixPart) {
      const found = matrix(item);
      if (!transposed && found.rows === rows && found.cols === cols) return found;
      const wanted = transposed ? `the transpose of [${rows},${cols}]` : `[${rows},${cols}]`;
      throw tensorError(
        path,
        name,
        `has matrices [${found.rows},${found.cols}] of ${form}; ${wanted} is needed`,
      );
    },
  };
}
