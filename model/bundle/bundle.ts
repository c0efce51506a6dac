// Reads a bundle: checks its files against bundle.json and config.json, then hands out weights, each hash-checked.
// Knows no device. docs/bundle.md is the specification.
import { join } from 'node:path';
import { type ModelConfig, parseConfig } from '../config.ts';
import type { Unit } from '../devices/expert.ts';
import { InputError, tensorError } from '../errors.ts';
import type { TensorMap } from '../safetensors.ts';
import type { ExpertWeights, Matrix } from '../tensor.ts';
import { dequantize } from '../tiles.ts';
import { checkDense, checkExperts } from './check.ts';
import { type BundleFiles, openFiles } from './files.ts';
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

/** What the files' headers say, once they agree with config and manifest. */
interface Contents {
  config: ModelConfig;
  dense: TensorMap;
  /** By layer. */
  experts: readonly TensorMap[];
}

/**
 * Opens a bundle for reading. Everything but the weights' own bytes is checked now, those when they are read; what is
 * wrong throws an InputError naming the file and the tensor or field.
 */
export async function openBundle(dir: string): Promise<Bundle> {
  const manifest = await readManifest(dir);
  if (contentHashOf(manifest) !== manifest.contentHash) {
    const path = join(dir, MANIFEST_FILE);
    throw new InputError(`${path}: field contentHash: does not match the hashes listed: edited or damaged`);
  }
  const files = await openFiles(dir, manifest.files);
  try {
    return bundleOver(dir, manifest, files, await readContents(dir, manifest, files));
  } catch (error) {
    await files.close();
    throw error;
  }
}

async function readContents(dir: string, manifest: Manifest, files: BundleFiles): Promise<Contents> {
  const copies = new Map<string, Uint8Array>();
  for (const [name, { bytes, hash }] of Object.entries(manifest.files)) {
    if (hash === undefined) continue; // weights: hashed tensor by tensor
    copies.set(name, await files.read({ name, start: 0, length: bytes, hash, what: 'the whole file' }));
  }
  const configPath = join(dir, 'config.json');
  const configBytes = copies.get('config.json');
  if (configBytes === undefined) throw new InputError(`${configPath}: has no hash in bundle.json`);
  const plain = parseConfig(parseJson(Buffer.from(configBytes).toString(), configPath), configPath);
  const dense = await files.header(DENSE_FILE);
  const config = withNormShapes(plain, (name) => dense.get(name)?.shape);
  checkDense(config, manifest, dense, join(dir, DENSE_FILE));
  const experts: TensorMap[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const name = expertsFile(layer);
    const stored = await files.header(name);
    checkExperts(config, manifest, layer, stored, join(dir, name));
    experts.push(stored);
  }
  return { config, dense, experts };
}

function bundleOver(dir: string, manifest: Manifest, files: BundleFiles, contents: Contents): Bundle {
  const { config, dense, experts } = contents;
  const { bits, group } = manifest;
  const denseByName = new Map([...denseTensors(config)].map((tensor) => [tensor.name, tensor]));

  async function readDense(name: string, kind: 'matrix' | 'small') {
    const tensor = denseByName.get(name);
    const entry = dense.get(name);
    if (entry === undefined || tensor?.kind !== kind) {
      throw tensorError(join(dir, DENSE_FILE), name, `the model has no ${kind} tensor of this name`);
    }
    const { start, bytes, dtype } = entry;
    const stretch = {
      name: DENSE_FILE,
      start,
      length: bytes,
      hash: manifest.dense[name],
      what: `tensor ${name}`,
    };
    return { data: await files.read(stretch), shape: tensor.shape, encoding: encodingOf(dtype, bits) };
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
      const { file, offset, length, hash } = range;
      const what = `expert ${expert} of layer ${layer}`;
      const data = await files.read({ name: file, start: offset, length, hash, what });
      const matrices = expertTensors(config, { layer, expert }).map(
        ({ name, shape: [rows, cols] }): Matrix => {
          const entry = experts[layer]?.get(name);
          if (entry === undefined) throw tensorError(join(dir, file), name, 'is missing');
          const start = entry.start - offset;
          return {
            encoding: encodingOf(entry.dtype, bits),
            rows,
            cols,
            data: data.subarray(start, start + entry.bytes),
          };
        },
      );
      const [gate, up, down] = matrices;
      if (!gate || !up || !down) throw new Error('an expert has three matrices');
      return { gate, up, down };
    },
    close: () => files.close(),
  };
}
