// MXFP4 as GPT-OSS has it: `_blocks [.., rows, groups, 16]`, two FP4 codes a byte, and `_scales [.., rows, groups]`, powers of two.
import { tensorError } from '../../errors.ts';
import {
  checked,
  placeOf,
  type QuantisedTensor,
  required,
  requireShape,
  type StoredParts,
  type StoredTensor,
} from './stored.ts';

const GROUP = 32;
const GROUP_BYTES = GROUP / 2;

export function mxfp4Form(parts: StoredParts, blocks: StoredTensor): QuantisedTensor {
  const { shape } = checked(blocks, ['U8']);
  const stack = shape.slice(0, -3);
  const [rows = 0, groups = 0, bytes = 0] = shape.slice(-3);
  if (shape.length < 3 || stack.length > 1 || shape.includes(0) || bytes !== GROUP_BYTES) {
    const problem = `has shape [${shape}], which is not [experts, outputs, inputs / ${GROUP}, ${GROUP_BYTES}]`;
    throw tensorError(blocks.path, blocks.name, problem);
  }
  const scales = required(parts, `${parts.name}_scales`, blocks, ['U8', 'F8_E8M0']);
  requireShape(scales, shape.slice(0, -1), `${blocks.name} [${shape}]`);
  const cols = groups * GROUP;
  const [items] = stack;
  return {
    shape: [...stack, rows, cols],
    stored: [blocks, scales],
    form: 'mxfp4',
    matrix: (item) => ({
      kind: 'quantised',
      rows,
      cols,
      codes: { ...placeOf(blocks, item, items), packing: 'row', bits: 4, value: 'e2m1' },
      scales: {
        ...placeOf(scales, item, items),
        dtype: 'E8M0',
        blockRows: 1,
        blockCols: GROUP,
        transposed: false,
      },
    }),
  };
}
