// compressed-tensors' packed integers: `weight_packed`, with codes along rows in 32-bit words.
import { tensorError } from '../../errors.ts';
import type { Scheme } from '../settings/scheme.ts';
import type { QuantisedStorage } from '../storage.ts';
import {
  blockLengths,
  checked,
  gridShape,
  placeOf,
  type QuantisedTensor,
  required,
  requireGroups,
  requireShape,
  type StoredParts,
  type StoredTensor,
  scaleDtype,
} from './stored.ts';

type PackedScheme = Extract<Scheme, { form: 'packed' }>;

const WORD_BITS = 32;

const floatDtypes = ['F32', 'F16', 'BF16'];

export function packedForm(parts: StoredParts, packed: StoredTensor, scheme: PackedScheme): QuantisedTensor {
  const { name, find } = parts;
  const { bits } = scheme;
  const [rows = 0, words = 0, ...more] = checked(packed, ['I32']).shape;
  if (rows === 0 || words === 0 || more.length > 0) {
    throw tensorError(packed.path, packed.name, `has shape [${packed.shape}]; a matrix is expected`);
  }
  // `weight_shape` has the exact number. It is compared when the weights are read.
  const cols = (words * WORD_BITS) / bits;
  const size = { rows, cols };
  const lengths = blockLengths(scheme.block, size);
  requireGroups(packed, cols, lengths.blockCols, bits);
  const grid = gridShape(size, lengths);
  const because = `${packed.name} [${packed.shape}]`;
  const scale = required(parts, `${name}_scale`, packed, floatDtypes);
  requireShape(scale, grid, because);
  const shape = required(parts, `${name}_shape`, packed, ['I64']);
  requireShape(shape, [2], 'a matrix');
  const zero = find(`${name}_zero_point`);
  if (zero !== undefined && scheme.isSymmetric) {
    throw tensorError(zero.path, zero.name, 'is there, though config.json says symmetric: true');
  }
  if (!scheme.isSymmetric) {
    const found = required(parts, `${name}_zero_point`, packed, ['I32']);
    requireShape(found, [Math.ceil((rows * bits) / WORD_BITS), grid[1]], because);
  }
  const order = orderOf(parts, packed, scheme, cols);
  const matrix: QuantisedStorage = {
    kind: 'quantised',
    ...size,
    codes: { ...placeOf(packed), packing: 'row', bits, value: 'offset', isPadded: true },
    scales: { ...placeOf(scale), dtype: scaleDtype(scale), ...lengths, transposed: false },
    statedShape: placeOf(shape),
    ...(zero && { zeros: { ...placeOf(zero), packing: 'down', bits, add: 0 } as const }),
    ...(order && { groupOf: placeOf(order) }),
  };
  const besides = [scale, shape, zero, order].filter((tensor) => tensor !== undefined);
  return { shape: [rows, cols], stored: [packed, ...besides], form: `int${bits}`, matrix: () => matrix };
}

/** The group of each column. It must be there if the config says so, and is used whenever it is there. */
function orderOf(parts: StoredParts, packed: StoredTensor, { isOrdered }: PackedScheme, cols: number) {
  const name = `${parts.name}_g_idx`;
  if (!isOrdered && parts.find(name) === undefined) return undefined;
  const order = required(parts, name, packed, ['I32']);
  requireShape(order, [cols], `${packed.name} [${packed.shape}]`);
  return order;
}
