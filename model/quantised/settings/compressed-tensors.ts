// Parses the `quantization_config` of compressed-tensors, which llm-compressor writes. Fields: `QuantizationConfig` and
// `QuantizationArgs` of the package compressed-tensors 0.20.
import { type Fields, show } from '../../config/config-fields.ts';
import { type Matcher, targets } from './match.ts';
import type { BlockSize, Quantisation, Scheme } from './scheme.ts';

interface Group {
  matches: Matcher;
  /** undefined if the group quantises activations only. */
  scheme: Scheme | undefined;
}

type ReadScheme = (weights: Fields, block: BlockSize) => Scheme;

/** Formats that are read. */
const formats: Readonly<Record<string, ReadScheme>> = {
  'pack-quantized': packedScheme,
  'int-quantized': byteScheme,
  'float-quantized': byteScheme,
  'naive-quantized': byteScheme,
};

export function parseCompressedTensors(fields: Fields): Quantisation {
  refuseExtras(fields);
  const format = fields.text('format', '');
  const ignored = targets(fields, 'ignore');
  const groupFields = fields.object('config_groups');
  const groups = groupFields.names().map((name) => readGroup(groupFields.object(name), format));
  if (groups.length === 0) fields.refuse('config_groups', 'is empty');
  return {
    method: `compressed-tensors ${format}`.trim(),
    schemeOf: (module) =>
      ignored(module) ? undefined : groups.find(({ matches }) => matches(module))?.scheme,
  };
}

function refuseExtras(fields: Fields): void {
  for (const name of ['sparsity_config', 'transform_config']) {
    const value = fields.raw(name);
    if (value === undefined) continue;
    const extra = fields.object(name);
    if (extra.names().length === 0 || extra.raw('format') === 'dense') continue;
    fields.refuse(name, `${show(value)} is not supported`);
  }
}

function readGroup(group: Fields, format: string): Group {
  const matches = targets(group, 'targets');
  if (!group.has('weights')) return { matches, scheme: undefined };
  const own = group.text('format', format);
  const read = Object.hasOwn(formats, own) ? formats[own] : undefined;
  if (read === undefined) {
    group.refuse('format', `"${own}" is not supported (${Object.keys(formats).join(', ')} are)`);
  }
  const weights = group.object('weights');
  return { matches, scheme: read(weights, readBlock(weights)) };
}

function packedScheme(weights: Fields, block: BlockSize): Scheme {
  const bits = weights.count('num_bits');
  if (bits !== 4 && bits !== 8)
    weights.refuse('num_bits', `is ${bits}; packed weights of 4 and 8 bits are read`);
  const type = weights.text('type', 'int');
  if (type !== 'int') weights.refuse('type', `"${type}" is not supported in pack-quantized ("int" is)`);
  if (block.rows !== 1) weights.refuse('strategy', 'of packed weights must be "group" or "channel"');
  const order = weights.raw('actorder');
  const isOrdered = order === 'group' || order === 'dynamic' || order === true;
  return { form: 'packed', bits, block, isSymmetric: weights.flag('symmetric', true), isOrdered };
}

function byteScheme(weights: Fields, block: BlockSize): Scheme {
  const bits = weights.count('num_bits', 8);
  const type = weights.text('type', 'int');
  if (bits !== 8) weights.refuse('num_bits', `is ${bits}; weights of one byte are read in this format`);
  if (type !== 'int' && type !== 'float') weights.refuse('type', `"${type}" is neither "int" nor "float"`);
  const value = type === 'int' ? 'signed' : 'e4m3';
  return { form: 'bytes', value, block, isSymmetric: weights.flag('symmetric', true) };
}

/** The weights that share a scale, by `strategy`. */
const strategies: Readonly<Record<string, (weights: Fields) => BlockSize>> = {
  tensor: () => ({ rows: 'all', cols: 'all' }),
  channel: () => ({ rows: 1, cols: 'all' }),
  group: (weights) => ({ rows: 1, cols: weights.count('group_size') }),
  block: (weights) => {
    const [rows, cols] = blockSize(weights, 'block_structure');
    return { rows, cols };
  },
};

function readBlock(weights: Fields): BlockSize {
  const strategy = weights.text('strategy', defaultStrategy(weights));
  const read = Object.hasOwn(strategies, strategy) ? strategies[strategy] : undefined;
  if (read === undefined) {
    weights.refuse('strategy', `"${strategy}" is not supported (${Object.keys(strategies).join(', ')} are)`);
  }
  return read(weights);
}

/** What the package concludes from `group_size` if there is no strategy. */
function defaultStrategy(weights: Fields): string {
  const size = weights.raw('group_size');
  if (size === undefined) return 'tensor';
  return size === -1 ? 'channel' : 'group';
}

/** Two whole numbers of at least 1. */
export function blockSize(fields: Fields, field: string): [rows: number, cols: number] {
  const value = fields.raw(field);
  const [rows, cols, ...more]: unknown[] = Array.isArray(value) ? value : [];
  if (isSize(rows) && isSize(cols) && more.length === 0) return [rows, cols];
  return fields.refuse(field, `is ${show(value)}, not the two sizes of a block`);
}

function isSize(length: unknown): length is number {
  return Number.isSafeInteger(length) && Number(length) >= 1;
}
