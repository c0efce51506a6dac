// AWQ in the form `gemm`: `qweight`, `qzeros` and `scales`. Words hold eight outputs of one input.
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

type AwqScheme = Extract<Scheme, { form: 'awq' }>;

const BITS = 4;
const CODES_PER_WORD = 8;

export function awqForm(parts: StoredParts, qweight: StoredTensor, scheme: AwqScheme): QuantisedTensor {
  const { module } = parts;
  const [cols = 0, words = 0, ...more] = checked(qweight, ['I32']).shape;
  if (cols === 0 || words === 0 || more.length > 0) {
    const problem = `has shape [${qweight.shape}], which is not [inputs, outputs / ${CODES_PER_WORD}]`;
    throw tensorError(qweight.path, qweight.name, problem);
  }
  const rows = words * CODES_PER_WORD;
  const groupSize = scheme.groupSize === 'all' ? cols : scheme.groupSize;
  requireGroups(qweight, cols, groupSize, BITS);
  const groups = cols / groupSize;
  const because = `${qweight.name} [${qweight.shape}] in groups of ${groupSize}`;
  const scales = required(parts, `${module}.scales`, qweight, ['F16', 'BF16', 'F32']);
  requireShape(scales, [groups, rows], because);
  const qzeros = required(parts, `${module}.qzeros`, qweight, ['I32']);
  requireShape(qzeros, [groups, words], because);
  const matrix: QuantisedStorage = {
    kind: 'quantised',
    rows,
    cols,
    codes: { ...placeOf(qweight), packing: 'awq', bits: BITS, value: 'unsigned' },
    scales: groupScales(scales, groupSize),
    zeros: { ...placeOf(qzeros), packing: 'awq', bits: BITS, add: 0 },
  };
  return { shape: [rows, cols], stored: [qweight, qzeros, scales], form: 'awq', matrix: () => matrix };
}
