// Reads a bundle: checks its files against bundle.json and config.json, then hands out weights, each hash-checked.
// Knows no device. docs/bundle.md is the specification.
import { join } from 'node:path';
import { type ModelConfig, parseConfig } from '../config/config.ts';
import type { Unit } from '../devices/expert.ts';
import { InputError, tensorError } from '../errors.ts';
import type { TensorMap } from '../safetensors.ts';
import type { ExpertWeights, Matrix } from '../tensor.ts';
import { dequantize } from '../tiles.ts';
import { checkDense, checkExperts } from './check.ts';
import { type BundleFiles, openFiles } from './files.ts';
import { checkGolden, type GoldenSource, goldenSource } from './golden-file.ts';
import {
  contentHashOf,
  DENSE_FILE,
  expertsFile,
  GOLDEN_FILE,
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
  /** Where a matrix lies, for a device that computes on the mapped file; its hash is not checked. */
  placeOf(name: string): Place;
  placesOf(unit: Unit): { gate: Place; up: Place; down: Place };
  /** The dense part's matrices in the order of the file, for one who checks them without this bundle's handles. */
  matrixRanges(): HashedRange[];
  expertRange(unit: Unit): HashedRange;
  /** Undefined where it has no golden rows; `openGoldens` makes rows of the bytes. */
  readonly golden: GoldenSource | undefined;
  /** Closes the files; reads still under way fail. */
  close(): Promise<void>;
}

/** A matrix in its file. */
export interface Place extends Pick<Matrix, 'encoding' | 'rows' | 'cols'> {
  path: string;
  /** In bytes. */
  offset: number;
  bytes: number;
}

/** Bytes of a file that have one hash. */
export interface HashedRange {
  path: string;
  /** In bytes. */
  offset: number;
  bytes: number;
  /** As `shortHash` gives it. */
  hash: string;
  /** What the bytes are, for an error. */
  what: string;
}

/** What the files' headers say, once they agree with config and manifest. */
interface Contents {
  config: ModelConfig;
  dense: TensorMap;
  /** By layer. */
  experts: readonly TensorMap[];
  golden: GoldenSource | undefined;
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
  return { config, dense, experts, golden: await readGolden(dir, manifest, files, config) };
}

async function readGolden(
  dir: string,
  { goldenRows }: Manifest,
  files: BundleFiles,
  config: ModelConfig,
): Promise<GoldenSource | undefined> {
  if (goldenRows === undefined) return undefined;
  const tensors = await files.header(GOLDEN_FILE);
  const header = { tensors, metadata: await files.metadata(GOLDEN_FILE) };
  checkGolden(config, goldenRows, header, join(dir, GOLDEN_FILE));
  return goldenSource(files, config, goldenRows, tensors);
}

function bundleOver(dir: string, manifest: Manifest, files: BundleFiles, contents: Contents): Bundle {
  const { config, dense, experts, golden } = contents;
  const { bits, group } = manifest;
  const denseByName = new Map([...denseTensors(config)].map((tensor) => [tensor.name, tensor]));

  function denseEntry(name: string, kind: 'matrix' | 'small') {
    const tensor = denseByName.get(name);
    const entry = dense.get(name);
    if (entry === undefined || tensor?.kind !== kind) {
      throw tensorError(join(dir, DENSE_FILE), name, `the model has no ${kind} tensor of this name`);
    }
    return { ...entry, shape: tensor.shape, encoding: encodingOf(entry.dtype, bits) };
  }

  function readDense(name: string, { start, bytes }: { start: number; bytes: number }): Promise<Uint8Array> {
    const hash = manifest.dense[name];
    return files.read({ name: DENSE_FILE, start, length: bytes, hash, what: tensorNamed(name) });
  }

  function matrixRange(name: string): HashedRange {
    const { start, bytes } = denseEntry(name, 'matrix');
    const path = join(dir, DENSE_FILE);
    const hash = manifest.dense[name];
    if (hash === undefined) throw tensorError(path, name, 'has no hash in bundle.json');
    return { path, offset: start, bytes, hash, what: tensorNamed(name) };
  }

  function rangeOf({ layer, expert }: Unit) {
    const range = manifest.experts[layer]?.[expert];
    if (range === undefined) throw new RangeError(`the model has no expert ${expert} in layer ${layer}`);
    return range;
  }

  function placesOf(unit: Unit): { gate: Place; up: Place; down: Place } {
    const path = join(dir, rangeOf(unit).file);
    const [gate, up, down] = expertTensors(config, unit).map(({ name, shape: [rows, cols] }): Place => {
      const entry = experts[unit.layer]?.get(name);
      if (entry === undefined) throw tensorError(path, name, 'is missing');
      const encoding = encodingOf(entry.dtype, bits);
      return { path, offset: entry.start, bytes: entry.bytes, rows, cols, encoding };
    });
    if (!gate || !up || !down) throw new Error('an expert has three matrices');
    return { gate, up, down };
  }

  return {
    dir,
    config,
    manifest,
    bits,
    group,
    async readMatrix(name) {
      const { shape, encoding, ...entry } = denseEntry(name, 'matrix');
      const [rows = 1, cols = 1] = shape;
      return { encoding, rows, cols, data: await readDense(name, entry) };
    },
    async readVector(name) {
      const { shape, encoding, ...entry } = denseEntry(name, 'small');
      const cols = shape.reduce((product, length) => product * length, 1);
      return dequantize({ encoding, rows: 1, cols, data: await readDense(name, entry) });
    },
    async readExpert(unit) {
      const { file, offset, length, hash } = rangeOf(unit);
      const data = await files.read({ name: file, start: offset, length, hash, what: expertNamed(unit) });
      const matrix = ({ encoding, rows, cols, offset: at, bytes }: Place): Matrix => {
        return { encoding, rows, cols, data: data.subarray(at - offset, at - offset + bytes) };
      };
      const { gate, up, down } = placesOf(unit);
      return { gate: matrix(gate), up: matrix(up), down: matrix(down) };
    },
    placeOf(name) {
      const { shape, encoding, start, bytes } = denseEntry(name, 'matrix');
      const [rows = 1, cols = 1] = shape;
      return { path: join(dir, DENSE_FILE), offset: start, bytes, rows, cols, encoding };
    },
    placesOf,
    matrixRanges() {
      const matrices = [...denseTensors(config)].filter(({ kind }) => kind === 'matrix');
      return matrices.map(({ name }) => matrixRange(name)).sort((a, b) => a.offset - b.offset);
    },
    expertRange(unit) {
      const { file, offset, length, hash } = rangeOf(unit);
      return { path: join(dir, file), offset, bytes: length, hash, what: expertNamed(unit) };
    },
    golden,
    close: () => files.close(),
  };
}

const tensorNamed = (name: string) => `tensor ${name}`;
const expertNamed = ({ layer, expert }: Unit) => `expert ${expert} of layer ${layer}`;
