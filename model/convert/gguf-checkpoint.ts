// Opens a model in GGUF like a checkpoint: makes the small files from its metadata, and finds the place of each tensor. It reads only
// headers and rotary frequencies.
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type CanonicalTensor, withNormShapes } from '../bundle/tensors.ts';
import { parseConfig } from '../config/config.ts';
import type { ModelConfig } from '../config/model-config.ts';
import { InputError, tensorError } from '../errors.ts';
import { architectureOf, ggufConfig } from '../gguf/config/config.ts';
import { bytesOf, readableTypes } from '../gguf/dequantise.ts';
import { type GgufPlace, ggufPlace, isSpareInGguf, missingInGguf } from '../gguf/names.ts';
import { type GgufModel, type GgufTensor, openGguf } from '../gguf/read.ts';
import { ggufTokenizer } from '../gguf/tokenizer/tokenizer.ts';
import { blockOf } from '../gguf/types.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { LogicalTensor } from './storage/logical.ts';
import type { FloatDtype } from './task.ts';
import type { FoundTensor } from './views.ts';

/** Reads the headers of the model's files. Throws an InputError that names file and key or tensor. */
export async function openGgufCheckpoint(file: string): Promise<Checkpoint> {
  const model = await openGguf(file);
  const architecture = architectureOf(model);
  const json = await ggufConfig(model);
  if (json.model_type === 'llama') {
    throw new InputError(
      `${model.path}: is a dense model, and only mixtures of experts are served. scripts/spread.ts makes one of it (docs/gguf.md)`,
    );
  }
  const plain = parseConfig(json, model.path);
  const placeIn = (config: ModelConfig, name: string) =>
    ggufPlace(model, { architecture, sizes: config }, name);
  const config = withNormShapes(plain, (name) => placeIn(plain, name)?.shape);
  requireRows(model, config.vocab);
  const encoder = new TextEncoder();
  const copies = Object.entries({ 'config.json': json, ...ggufTokenizer(model) }).map(
    ([name, content]): [string, Uint8Array] => [name, encoder.encode(`${JSON.stringify(content)}\n`)],
  );
  const stamps = model.paths.map(async (path) => {
    const { size, mtimeMs } = await stat(path);
    return `${basename(path)} ${size} ${mtimeMs}`;
  });
  return {
    config,
    copies: new Map(copies),
    tensors: new Map(
      Array.from(model.tensors, ([name, tensor]) => [name, { ...tensor, dtype: tensor.type }]),
    ),
    stamps: await Promise.all(stamps),
    describedIn: 'its metadata',
    isSpare: (name) => isSpareInGguf(name, config.layers),
    isTiedHead: () => false, // a file that has a head is not tied
    locate(wanted) {
      const place = placeIn(config, wanted.name);
      if (place === undefined) throw tensorError(model.path, ...missingInGguf(model, wanted.name));
      return foundAt(place, wanted, config.headDim);
    },
  };
}

/** Throws if there are tokens without a row of the embedding. Rows without a token are usual, because their number is rounded up. */
function requireRows({ path, metadata }: GgufModel, vocab: number): void {
  const key = 'tokenizer.ggml.tokens';
  const tokens = metadata.get(key);
  if (Array.isArray(tokens) && tokens.length > vocab)
    throw new InputError(
      `${path}: key ${key}: has ${tokens.length} entries for the ${vocab} rows of the embedding`,
    );
}

function foundAt(place: GgufPlace, { name, shape }: CanonicalTensor, headDim: number): FoundTensor {
  const { tensor, item, firstRow, adjacentPairs } = place;
  const long = (lengths: readonly number[]) => String(lengths.filter((length) => length !== 1));
  if (long(place.shape) !== long(shape)) {
    const found = `has the shape [${place.shape}] for ${name}`;
    throw tensorError(tensor.path, tensor.name, `${found}; its metadata describes [${shape}]`);
  }
  const rows = {
    ...(firstRow !== undefined && { first: firstRow }),
    ...(adjacentPairs && { pairs: { headDim, rotary: headDim } }),
  };
  const mapsRows = Object.keys(rows).length > 0;
  const stored = item === undefined ? tensor.shape : tensor.shape.slice(1);
  const [count = 1, cols = 1] = mapsRows || stored.length > 1 ? stored : [1, ...stored];
  if (cols % (blockOf(tensor.type)?.values ?? 1) !== 0) {
    throw tensorError(
      tensor.path,
      tensor.name,
      `has type ${tensor.type}, though its rows have ${cols} values`,
    );
  }
  const isPart = mapsRows || item !== undefined;
  return {
    tensor: logicalTensor(tensor),
    view: {
      name: tensor.name,
      shape: tensor.shape,
      ...(isPart && { part: { ...(item !== undefined && { item }), rows: count, cols } }),
      ...(mapsRows && { rows }),
    },
  };
}

/** Floats of 16 bits are kept; quantised values become float32. */
const keptTypes: Readonly<Record<string, FloatDtype>> = { F16: 'F16', BF16: 'BF16' };

function logicalTensor({ name, path, type, shape, start }: GgufTensor): LogicalTensor {
  if (!readableTypes.includes(type)) {
    throw tensorError(path, name, `has type ${type}; ${readableTypes.join(', ')} are read`);
  }
  return {
    name,
    path,
    shape,
    dtype: keptTypes[type] ?? 'F32',
    form: type,
    isRowMajor: true,
    stored: [name],
    bytesOf: (values) => bytesOf(type, values),
    storage({ item = 0, rows, cols }) {
      return { kind: 'gguf', path, start: start + bytesOf(type, item * rows * cols), type, rows, cols };
    },
  };
}
