// Codes of one byte: FP8 and int8, with scales of blocks, rows or the whole tensor.
import { tensorError } from '../../errors.ts';
import type { BlockSize, Scheme } from '../settings/scheme.ts';
import type { Scales, Zeros } from '../storage.ts';
import {
  blockLengths,
  checked,
  gridShape,
  placeOf,
  type QuantisedTensor,
  requireShape,
  type StoredParts,
  type StoredTensor,
  scaleDtype,
  stackShape,
} from './stored.ts';

type BytesScheme = Extract<Scheme, { form: 'bytes' }>;

const storedDtype = { e4m3: 'F8_E4M3', signed: 'I8' } as const;

/** Both names are published: `_inv` by DeepSeek, who mean the factor by it. */
const SCALE_SUFFIXES = ['_scale_inv', '_scale'] as const;

interface Size {
  rows: number;
  cols: number;
}

export function bytesForm(parts: StoredParts, weight: StoredTensor, scheme: BytesScheme): QuantisedTensor {
  const { items, rows, cols } = stackShape(checked(weight, [storedDtype[scheme.value]]));
  const size = { rows, cols };
  const scale = findScale(parts, weight);
  const dtype = scaleDtype(scale);
  const block = scheme.block ?? inferBlock(scale, size, items);
  const lengths = blockLengths(block, size);
  const grid = gridShape(size, lengths);
  requireGrid(scale, grid, items, `${weight.name} [${weight.shape}]`);
  const zero = parts.find(`${parts.name}_zero_point`);
  if (zero === undefined && !scheme.isSymmetric) {
    throw tensorError(
      weight.path,
      `${parts.name}_zero_point`,
      'is missing, though config.json says symmetric: false',
    );
  }
  if (zero !== undefined) requireGrid(checked(zero, ['I8']), grid, items, `${scale.name} [${scale.shape}]`);
  return {
    shape: weight.shape,
    stored: zero === undefined ? [weight, scale] : [weight, scale, zero],
    form: scheme.value === 'e4m3' ? 'fp8' : 'int8',
    matrix(item) {
      const scales: Scales = { ...placeOf(scale, item, items), dtype, ...lengths, transposed: false };
      const zeros =
        zero && ({ ...placeOf(zero, item, items), packing: 'byte', bits: 8, add: 0 } satisfies Zeros);
      const codes = {
        ...placeOf(weight, item, items),
        packing: 'row',
        bits: 8,
        value: scheme.value,
      } as const;
      return { kind: 'quantised', ...size, codes, scales, ...(zeros && { zeros }) };
    },
  };
}

function findScale({ name, find }: StoredParts, weight: StoredTensor): StoredTensor {
  const [scale, other] = SCALE_SUFFIXES.map((suffix) => find(name + suffix)).filter(
    (found) => found !== undefined,
  );
  if (scale === undefined) {
    const wanted = SCALE_SUFFIXES.map((suffix) => name + suffix).join(' nor ');
    throw tensorError(weight.path, name, `has dtype ${weight.dtype}, but there is neither ${wanted}`);
  }
  if (other === undefined) return scale;
  throw tensorError(
    other.path,
    other.name,
    `is there, and so is ${scale.name}: only one of them can be right`,
  );
}

/** One scale for the tensor, or one for each row. */
function inferBlock(scale: StoredTensor, { rows, cols }: Size, items: number | undefined): BlockSize {
  const count = scale.shape.reduce((product, length) => product * length, 1) / (items ?? 1);
  if (count === 1) return { rows: 'all', cols: 'all' };
  if (count === rows) return { rows: 1, cols: 'all' };
  const problem = `has shape [${scale.shape}] for weights [${rows},${cols}]`;
  throw tensorError(
    scale.path,
    scale.name,
    `${problem}: without weight_block_size, one scale a row or tensor is expected`,
  );
}

/** Dimensions of 1 may be left out at the end, or be more. */
function requireGrid(
  tensor: StoredTensor,
  grid: readonly number[],
  items: number | undefined,
  because: string,
): void {
  const shape = items === undefined ? grid : [items, ...grid];
  const significant = (lengths: readonly number[]): string =>
    String(lengths.filter((length) => length !== 1));
  if (significant(tensor.shape) !== significant(shape)) requireShape(tensor, shape, because);
}
