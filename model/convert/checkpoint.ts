// Opens a Hugging Face checkpoint on disk: its config, the files to copy, and the place of each tensor. It reads only the headers
// of weight files.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { modelNames } from '../bundle/names.ts';
import { type CanonicalTensor, withNormShapes } from '../bundle/tensors.ts';
import { parseConfig } from '../config/config.ts';
import { readFields } from '../config/config-fields.ts';
import type { ModelConfig } from '../config/model-config.ts';
import { hasCode, InputError, tensorError } from '../errors.ts';
import { findQuantised, isUnusedScale } from '../quantised/find-quantised.ts';
import { parseQuantisation } from '../quantised/settings/quantisation.ts';
import type { Quantisation } from '../quantised/settings/scheme.ts';
import { loadTensorMap } from '../safetensors.ts';
import { tokenizerFiles } from '../tokenizer/tokenizer-files.ts';
import { tensorLayouts } from './layouts/layouts.ts';
import { type LogicalTensor, plainTensor, type SourceTensor } from './storage/logical.ts';
import { quantisedTensor } from './storage/quantised.ts';
import { type FindTensor, type FoundTensor, findShape, findTensor } from './views.ts';

/** Files that are copied unchanged if the checkpoint has them: name in the bundle (no folders) → path in the checkpoint. */
const copiedFiles: Readonly<Record<string, string>> = {
  'config.json': 'config.json',
  'tokenizer.json': 'tokenizer.json',
  'tokenizer_config.json': 'tokenizer_config.json',
  'generation_config.json': 'generation_config.json',
  'chat_template.jinja': 'chat_template.jinja',
  'chat_template.tool_use.jinja': 'additional_chat_templates/tool_use.jinja',
};

const WHOLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

export interface Checkpoint {
  config: ModelConfig;
  copies: ReadonlyMap<string, Uint8Array>;
  /** Stored tensors by the checkpoint's own names. */
  tensors: ReadonlyMap<string, SourceTensor>;
  /** Finds a tensor of the model. Throws an InputError if it is missing or has another shape. */
  locate(wanted: CanonicalTensor): FoundTensor;
  /** What describes the model, for errors. */
  describedIn: 'config.json' | 'its metadata';
  /** Whether the model does not need the stored tensor of this name. */
  isSpare(name: string): boolean;
  /** Whether the stored tensor is a head that the embedding replaces, so that it must be equal to the embedding. */
  isTiedHead(name: string): boolean;
  /** Name, size and time of each weight file. A resumed conversion must find them unchanged. */
  stamps: readonly string[];
}

/** Reads config, index and headers of the checkpoint in `dir`. Throws an InputError that names file and tensor or field. */
export async function openCheckpoint(dir: string): Promise<Checkpoint> {
  const copies = await readCopies(dir);
  const configPath = join(dir, 'config.json');
  const configBytes = copies.get('config.json');
  if (configBytes === undefined)
    throw new InputError(`${configPath}: is missing: ${dir} is not a checkpoint`);
  const json = parseJson(configBytes, configPath);
  const plain = parseConfig(json, configPath);
  const quantisation = readQuantisation(json, configPath);
  const { list, tensors } = await readTensors(dir, (name) => isSpare(name, plain) || isTiedHead(name, plain));
  const find = finderOf(tensors, plain, quantisation);
  const config = withNormShapes(plain, (name) => findShape(plain, name, find));
  const paths = [...new Set([...tensors.values()].map(({ path }) => path))].sort();
  const stamps = await Promise.all(
    paths.map(async (path) => {
      const { size, mtimeMs } = await stat(path);
      return `${path.slice(dir.length)} ${size} ${mtimeMs}`;
    }),
  );
  return {
    ...{ config, copies, tensors, stamps },
    locate: (wanted) => findTensor(config, wanted, find, list),
    describedIn: 'config.json',
    isSpare: (name) => isSpare(name, config),
    isTiedHead: (name) => isTiedHead(name, config),
  };
}

/** A model with several parts has the field beside the text model's fields or among them. */
function readQuantisation(json: unknown, file: string): Quantisation | undefined {
  const fields = readFields(json, file);
  const inner = fields.has('text_config') ? parseQuantisation(fields.object('text_config')) : undefined;
  return parseQuantisation(fields) ?? inner;
}

/** Finds tensors by the name that the model class gives them. */
function finderOf(
  tensors: ReadonlyMap<string, SourceTensor>,
  { layout }: ModelConfig,
  quantisation: Quantisation | undefined,
): FindTensor {
  const { prefixes = [''] } = tensorLayouts[layout];
  const known = new Map<string, LogicalTensor | undefined>();
  const findStored = (name: string): LogicalTensor | undefined => {
    const quantised = findQuantised(quantisation, name, (each) => tensors.get(each));
    if (quantised !== undefined) return quantisedTensor(quantised);
    const plain = tensors.get(name);
    return plain && plainTensor(plain);
  };
  const find: FindTensor = (name) => {
    for (const prefix of prefixes) {
      const found = findStored(prefix + name);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return (name) => {
    if (!known.has(name)) known.set(name, find(name));
    return known.get(name);
  };
}

/**
 * Whether the model does not need the stored tensor: rotary frequencies, scales of quantised inputs, or a part of the checkpoint
 * that is not computed.
 */
function isSpare(name: string, config: ModelConfig): boolean {
  return (
    name.endsWith('.rotary_emb.inv_freq') ||
    isUnusedScale(name) ||
    (tensorLayouts[config.layout].isSpare?.(name, config) ?? false)
  );
}

/** The embedding replaces this tensor. The index and the files may disagree about it. */
function isTiedHead(name: string, { layout, tiedEmbeddings }: ModelConfig): boolean {
  const { prefixes = [''] } = tensorLayouts[layout];
  return tiedEmbeddings && prefixes.some((prefix) => name === prefix + modelNames.head);
}

/** The small files in `dir` that a bundle copies. `configFile` may replace its config.json. */
export async function readCopies(dir: string, configFile?: string): Promise<Map<string, Uint8Array>> {
  const copies = new Map<string, Uint8Array>();
  for (const [name, from] of Object.entries(copiedFiles)) {
    const path = name === 'config.json' && configFile !== undefined ? configFile : join(dir, from);
    const data = await readOptional(path);
    if (data !== undefined) copies.set(name, data);
  }
  // If the tokenizer is given as tiktoken ranks, the bundle gets the files that stand for them.
  for (const [name, data] of await tokenizerFiles(dir)) copies.set(name, data);
  return copies;
}

async function readOptional(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw new InputError(`${path}: cannot be read: ${String(error)}`, { cause: error });
  }
}

export function parseJson(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new InputError(`${path}: is not JSON`, { cause });
  }
}

/** The place of every tensor. The index and the files may disagree about tensors that the model does not need. */
export async function readTensors(
  dir: string,
  isSpareName: (name: string) => boolean,
): Promise<Pick<Checkpoint, 'tensors'> & { list: string }> {
  // `list` is the file that lists the tensors: the only file of weights, or the index of several.
  const index = await readOptional(join(dir, INDEX));
  const tensors = new Map<string, SourceTensor>();
  if (index === undefined) {
    const path = join(dir, WHOLE);
    await requireFile(path, `nor is there ${INDEX}; only safetensors weights are read`);
    for (const entry of (await loadTensorMap(path, path)).values())
      tensors.set(entry.name, { ...entry, path });
    return { list: path, tensors };
  }
  const indexPath = join(dir, INDEX);
  const listed = parseIndex(parseJson(index, indexPath), indexPath);
  for (const file of [...new Set(listed.values())].sort()) {
    const path = join(dir, file);
    await requireFile(path, `though ${INDEX} lists it`);
    for (const entry of (await loadTensorMap(path, path)).values()) {
      const place = listed.get(entry.name);
      if (place !== file && !isSpareName(entry.name)) {
        const problem =
          place === undefined ? `is not listed in ${INDEX}` : `is not where ${INDEX} says: ${place}`;
        throw tensorError(path, entry.name, problem);
      }
      tensors.set(entry.name, { ...entry, path });
    }
  }
  for (const [name, file] of listed) {
    if (!tensors.has(name) && !isSpareName(name))
      throw tensorError(join(dir, file), name, `is missing, though ${INDEX} lists it`);
  }
  return { list: indexPath, tensors };
}

async function requireFile(path: string, otherwise: string): Promise<void> {
  await stat(path).catch((cause: unknown) => {
    throw new InputError(`${path}: is missing, ${otherwise}`, { cause });
  });
}

/** Maps tensor names to file names. The files must be in the directory of the index. */
function parseIndex(json: unknown, path: string): Map<string, string> {
  const map = typeof json === 'object' && json !== null && 'weight_map' in json ? json.weight_map : undefined;
  if (typeof map !== 'object' || map === null) throw new InputError(`${path}: field weight_map: is missing`);
  return new Map(
    Object.entries(map).map(([name, file]): [string, string] => {
      if (typeof file === 'string' && /^[\w][\w.-]*$/.test(file)) return [name, file];
      throw tensorError(path, name, `${JSON.stringify(file)} is not the name of a file beside the index`);
    }),
  );
}
