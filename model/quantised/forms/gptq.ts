// GPTQ: `qweight`, `qzeros`, `scales` and `g_idx`. Words hold successive inputs of one output.
import { tensorError } from '../../errors.ts';
import type { Scheme } from '../settings/scheme.ts';
import type { QuantisedStorage } from '../storage.ts';
import {
  checked,
  groupScales,
  placeOf,
  type QuantisedTensor,
  required,
  requireGroups,
  requireShape,
  type StoredParts,
  type StoredTensor,
} from './stored.ts';

type GptqScheme = Extract<Scheme, { form: 'gptq' }>;

const WORD_BITS = 32;

export function gptqForm(parts: StoredParts, qweight: StoredTensor, scheme: GptqScheme): QuantisedTensor {
  const { module, find } = parts;
  const { bits, zeroAdd, isOrdered } = scheme;
  const [words = 0, rows = 0, ...more] = checked(qweight, ['I32']).shape;
  const cols = (words * WORD_BITS) / bits;
  if (rows === 0 || words === 0 || more.length > 0 || !Number.isInteger(cols)) {
    const problem = `has shape [${qweight.shape}], which is not [inputs * ${bits} / 32, outputs]`;
    throw tensorError(qweight.path, qweight.name, problem);
  }
  const groupSize = scheme.groupSize === 'all' ? cols : scheme.groupSize;
  requireGroups(qweight, cols, groupSize, bits);
  const groups = cols / groupSize;
  const because = `${qweight.name} [${qweight.shape}] in groups of ${groupSize}`;
  const scales = required(parts, `${module}.scales`, qweight, ['F16', 'BF16', 'F32']);
  requireShape(scales, [groups, rows], because);
  const qzeros = required(parts, `${module}.qzeros`, qweight, ['I32']);
  requireShape(qzeros, [groups, (rows * bits) / WORD_BITS], because);
  // Without act-order, older files leave the group indices out.
  const order =
    isOrdered || find(`${module}.g_idx`) ? required(parts, `${module}.g_idx`, qweight, ['I32']) : undefined;
  if (order !== undefined) requireShape(order, [cols], because);
  const matrix: QuantisedStorage = {
    kind: 'quantised',
    rows,
    cols,
    codes: { ...placeOf(qweight), packing: 'gptq', bits, value: 'unsigned' },
    scales: groupScales(scales, groupSize),
    zeros: { ...placeOf(qzeros), packing: 'gptq', bits, add: zeroAdd },
    ...(order && { groupOf: placeOf(order) }),
  };
  const besides = order === undefined ? [qzeros, scales] : [qzeros, scales, order];
  return { shape: [rows, cols], stored: [qweight, ...besides], form: `gptq${bits}`, matrix: () => matrix };
}
