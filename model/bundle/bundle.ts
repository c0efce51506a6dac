// Reads a bundle: checks its files against bundle.json and config.json, then hands out weights, each hash-checked.
// Knows no device. docs/bundle.md is the specification.
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type ModelConfig, parseConfig } from '../config.ts';
import type { Unit } from '../devices/expert.ts';
import { InputError, tensorError } from '../errors.ts';
import { readExactly } from '../read-exactly.ts';
import { readTensorMap, type TensorMap } from '../safetensors.ts';
import type { ExpertWeights, Matrix } from '../tensor.ts';
import { dequantize } from '../tiles.ts';
import { checkDense, checkExperts } from './check.ts';
import { shortHash } from './hash.ts';
import {
  contentHashOf,
  DENSE_FILE,
  expertsFile,
  MANIFEST_FILE,
  type Manifest,
  parseJson,
  readManifest,
} from './manifest.ts';
import { type Bits, denseTensors, encodingOf, expertTensors, withNormShapes } from './tensors.ts';

export interface Bundle {
  readonly dir: string;
  readonly config: ModelConfig;
  readonly manifest: Manifest;
  readonly bits: Bits;
  /** Inputs that share a scale at 4 and 8 bits. */
  readonly group: number;
  /** A projection, the embedding or the head, by its canonical name. */
  readMatrix(name: string): Promise<Matrix>;
  /** A small tensor widened to float32, row-major: a norm, the router's gate `[experts, hidden]`, its bias. */
  readVector(name: string): Promise<Float32Array>;
  readExpert(unit: Unit): Promise<ExpertWeights>;
  /** Closes the files; reads still under way fail. */
  close(): Promise<void>;
}

/**
 * Opens a bundle for reading. Everything but the weights' own bytes is checked now, those when they are read; what is
 * wrong throws an InputError naming the file and the tensor or field.
 */
export async function openBundle(dir: string): Promise<Bundle> {
  const manifest = await readManifest(dir);
  if (contentHashOf(manifest) !== manifest.contentHash) {
    throw new InputError(
      `${join(dir, MANIFEST_FILE)}: field contentHash: does not match the hashes listed: edited or damaged`,
    );
  }
  const files = new Map<string, FileHandle>();
  try {
    for (const [name, { bytes }] of Object.entries(manifest.files)) {
      files.set(name, await openSized(join(dir, name), bytes));
    }
    return await readBundle(dir, manifest, files);
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

async function closeAll(files: ReadonlyMap<string, FileHandle>): Promise<void> {
  await Promise.all([...files.values()].map((handle) => handle.close()));
}

async function openSized(path: string, bytes: number): Promise<FileHandle> {
  const handle = await open(path).catch((cause: unknown) => {
    throw new InputError(`${path}: cannot be opened, though bundle.json lists it`, { cause });
  });
  const { size } = await handle.stat();
  if (size === bytes) return handle;
  await handle.close();
  throw new InputError(`${path}: has ${size} bytes, bundle.json says ${bytes}: truncated or replaced`);
}

async function readBundle(
  dir: string,
  manifest: Manifest,
  files: ReadonlyMap<string, FileHandle>,
): Promise<Bundle> {
  const { bits, group } = manifest;

  /** Bytes that carry a hash, in memory of their own: wider views over them are aligned. */
  async function read(name: string, start: number, length: number, hash: string | undefined, what: string) {
    const path = join(dir, name);
    const handle = files.get(name);
    if (handle === undefined) throw new InputError(`${path}: is not listed in bundle.json`);
    const data = new Uint8Array(length);
    await readExactly(handle, data, start, path);
    if (shortHash(data) === hash) return data;
    throw new InputError(
      `${path}: ${what}: its bytes do not match their hash in bundle.json: damaged or replaced`,
    );
  }

  async function headerOf(name: string): Promise<TensorMap> {
    const handle = files.get(name);
    if (handle === undefined) throw new InputError(`${join(dir, name)}: is not listed in bundle.json`);
    return readTensorMap(handle, join(dir, name));
  }

  const configEntry = manifest.files['config.json'];
  const configPath = join(dir, 'config.json');
  const configBytes = await read(
    'config.json',
    0,
    configEntry?.bytes ?? 0,
    configEntry?.hash,
    'the whole file',
  );
  const dense = await headerOf(DENSE_FILE);
  const plainConfig = parseConfig(parseJson(Buffer.from(configBytes).toString(), configPath), configPath);
  const config = withNormShapes(plainConfig, (name) => dense.get(name)?.shape);
  checkDense(config, manifest, dense, join(dir, DENSE_FILE));
  const experts: TensorMap[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const stored = await headerOf(expertsFile(layer));
    checkExperts(config, manifest, layer, stored, join(dir, expertsFile(layer)));
    experts.push(stored);
  }
  const denseByName = new Map([...denseTensors(config)].map((tensor) => [tensor.name, tensor]));

  async function readDense(name: string, kind: 'matrix' | 'small') {
    const tensor = denseByName.get(name);
    const entry = dense.get(name);
    if (entry === undefined || tensor?.kind !== kind) {
      throw tensorError(join(dir, DENSE_FILE), name, `the model has no ${kind} tensor of this name`);
    }
    const data = await read(DENSE_FILE, entry.start, entry.bytes, manifest.dense[name], `tensor ${name}`);
    return { data, shape: tensor.shape, encoding: encodingOf(entry.dtype, bits) };
  }

  return {
    dir,
    config,
    manifest,
    bits,
    group,
    async readMatrix(name) {
      const { data, shape, encoding } = await readDense(name, 'matrix');
      const [rows = 1, cols = 1] = shape;
      return { encoding, rows, cols, data };
    },
    async readVector(name) {
      const { data, shape, encoding } = await readDense(name, 'small');
      const cols = shape.reduce((product, length) => product * length, 1);
      return dequantize({ encoding, rows: 1, cols, data });
    },
    async readExpert({ layer, expert }) {
      const range = manifest.experts[layer]?.[expert];
      if (range === undefined) throw new RangeError(`the model has no expert ${expert} in layer ${layer}`);
      const what = `expert ${expert} of layer ${layer}`;
      const data = await read(range.file, range.offset, range.length, range.hash, what);
      const [gate, up, down] = expertTensors(config, { layer, expert }).map(
        ({ name, shape: [rows, cols] }) => {
          const entry = experts[layer]?.get(name);
          if (entry === undefined) throw tensorError(join(dir, range.file), name, 'is missing');
          const start = entry.start - range.offset;
          const encoding = encodingOf(entry.dtype, bits);
          return { encoding, rows, cols, data: data.subarray(start, start + entry.bytes) };
        },
      );
      if (!gate || !up || !down) throw new Error('an expert has three matrices');
      return { gate, up, down };
    },
    close: () => closeAll(files),
  };
}
