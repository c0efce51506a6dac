// Opens a bundle: checks its files against bundle.json and config.json, and then reads weights and checks their hashes.
// docs/bundle.md is the specification.
import { join } from 'node:path';
import { parseConfig } from '../config/config.ts';
import { type ModelConfig, unitShape } from '../config/model-config.ts';
import type { Unit } from '../devices/expert.ts';
import { InputError, tensorError } from '../errors.ts';
import type { TensorMap } from '../safetensors.ts';
import type { ExpertWeights, Matrix } from '../tensor.ts';
import { dequantize } from '../tiles.ts';
import { checkDense, checkExperts } from './check.ts';
import { type BundleFiles, openFiles } from './files.ts';
import { checkGolden, type GoldenSource, goldenSource } from './golden-file.ts';
import {
  DENSE_FILE,
  type ExpertRange,
  expertRange,
  expertsFile,
  GOLDEN_FILE,
  MANIFEST_FILE,
  type Manifest,
  parseJson,
  readManifest,
  requireContentHash,
} from './manifest.ts';
import { type Bits, denseTensors, encodingOf, expertTensors, withNormShapes } from './tensors.ts';

export interface Bundle {
  readonly dir: string;
  readonly config: ModelConfig;
  readonly manifest: Manifest;
  readonly bits: Bits;
  /** Number of inputs that share a scale at 4, 6 and 8 bits. */
  readonly group: number;
  /** A projection, the embedding or the head, by its canonical name. */
  readMatrix(name: string): Promise<Matrix>;
  /** A small tensor widened to float32, row-major: a norm, the router `[experts, hidden]` or its bias. */
  readVector(name: string): Promise<Float32Array>;
  readExpert(unit: Unit): Promise<ExpertWeights>;
  /** The place of a matrix, for a device that computes on the mapped file. The hash is not checked. */
  placeOf(name: string): Place;
  placesOf(unit: Unit): ExpertPlaces;
  /** The dense part's matrices in the order of the file, for a thread that reads the files itself. */
  matrixRanges(): HashedRange[];
  expertRange(unit: Unit): HashedRange;
  /** Undefined if the bundle has no golden rows. `openGoldens` decodes the rows. */
  readonly golden: GoldenSource | undefined;
  /** Closes the files. Reads in progress fail. */
  close(): Promise<void>;
}

/** `bytes` of a file from byte `offset` on. */
interface ByteRange {
  path: string;
  offset: number;
  bytes: number;
}

/** A matrix in its file. */
export interface Place extends ByteRange, Pick<Matrix, 'encoding' | 'rows' | 'cols'> {}

/** The matrices of an expert in their file, and its biases, if it has any. */
export interface ExpertPlaces {
  gate: Place;
  up: Place;
  down: Place;
  biases?: { gate: Place; up: Place; down: Place };
}

/** Bytes of a file that have one hash. */
export interface HashedRange extends ByteRange {
  /** The result of `shortHash` for the bytes. */
  hash: string;
  /** Describes the bytes in errors. */
  what: string;
}

/** An open bundle whose headers agree with config and manifest. */
interface Opened {
  dir: string;
  manifest: Manifest;
  files: BundleFiles;
  config: ModelConfig;
  dense: TensorMap;
  /** For each layer with experts. */
  experts: readonly TensorMap[];
  golden: GoldenSource | undefined;
}

/**
 * Opens a bundle for reading. All files are checked now, except the bytes of weights and golden rows, which are checked when
 * they are read. A fault throws an InputError that names the file and the tensor or field.
 */
export async function openBundle(dir: string): Promise<Bundle> {
  const manifest = await readManifest(dir);
  requireContentHash(manifest, join(dir, MANIFEST_FILE));
  const files = await openFiles(dir, manifest.files);
  try {
    return bundleOver(await readHeaders(dir, manifest, files));
  } catch (error) {
    await files.close();
    throw error;
  }
}

async function readHeaders(dir: string, manifest: Manifest, files: BundleFiles): Promise<Opened> {
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
  for (let layer = 0; layer < unitShape(config).layers; layer++) {
    const name = expertsFile(layer);
    const stored = await files.header(name);
    checkExperts(config, manifest, layer, stored, join(dir, name));
    experts.push(stored);
  }
  const golden = await readGolden(dir, manifest, files, config);
  return { dir, manifest, files, config, dense, experts, golden };
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
  checkGolden(unitShape(config), goldenRows, header, join(dir, GOLDEN_FILE));
  return goldenSource(files, unitShape(config), goldenRows, tensors);
}

function bundleOver(opened: Opened): Bundle {
  const { dir, config, manifest, files, golden } = opened;
  const { bits, group } = manifest;
  const close = () => files.close();
  const readers = { ...denseReaders(opened), ...expertReaders(opened) };
  return { dir, config, manifest, bits, group, golden, ...readers, close };
}

function denseReaders({ dir, config, manifest, files, dense }: Opened) {
  const path = join(dir, DENSE_FILE);
  const tensors = new Map([...denseTensors(config)].map((tensor) => [tensor.name, tensor]));

  function entryOf(name: string, kind: 'matrix' | 'small') {
    const tensor = tensors.get(name);
    const entry = dense.get(name);
    if (entry === undefined || tensor?.kind !== kind) {
      throw tensorError(path, name, `the model has no ${kind} tensor of this name`);
    }
    const encoding = encodingOf(entry.dtype, manifest.bits);
    return { start: entry.start, bytes: entry.bytes, shape: tensor.shape, encoding };
  }

  function placeOf(name: string): Place {
    const { shape, encoding, start, bytes } = entryOf(name, 'matrix');
    const [rows = 1, cols = 1] = shape;
    return { path, offset: start, bytes, rows, cols, encoding };
  }

  function read(name: string, start: number, length: number): Promise<Uint8Array> {
    const hash = manifest.dense[name];
    return files.read({ name: DENSE_FILE, start, length, hash, what: tensorNamed(name) });
  }

  function rangeOf(name: string): HashedRange {
    const { offset, bytes } = placeOf(name);
    const hash = manifest.dense[name];
    if (hash === undefined) throw tensorError(path, name, 'has no hash in bundle.json');
    return { path, offset, bytes, hash, what: tensorNamed(name) };
  }

  return {
    placeOf,
    async readMatrix(name: string): Promise<Matrix> {
      const { rows, cols, encoding, offset, bytes } = placeOf(name);
      return { encoding, rows, cols, data: await read(name, offset, bytes) };
    },
    async readVector(name: string): Promise<Float32Array> {
      const { shape, encoding, start, bytes } = entryOf(name, 'small');
      const cols = shape.reduce((product, length) => product * length, 1);
      return dequantize({ encoding, rows: 1, cols, data: await read(name, start, bytes) });
    },
    matrixRanges(): HashedRange[] {
      const matrices = [...tensors.values()].filter(({ kind }) => kind === 'matrix');
      return matrices.map(({ name }) => rangeOf(name)).sort((a, b) => a.offset - b.offset);
    },
  };
}

function expertReaders({ dir, config, manifest, files, experts }: Opened) {
  const rangeOf = (unit: Unit): ExpertRange => expertRange(manifest, unit);

  function placesOf(unit: Unit): ExpertPlaces {
    const path = join(dir, rangeOf(unit).file);
    const [gate, up, down, ...biases] = expertTensors(config, unit).map(({ name, kind, shape }): Place => {
      const entry = experts[unit.layer]?.get(name);
      if (entry === undefined) throw tensorError(path, name, 'is missing');
      const encoding = encodingOf(entry.dtype, manifest.bits);
      const [rows = 1, cols = 1] = kind === 'matrix' ? shape : [1, ...shape];
      return { path, offset: entry.start, bytes: entry.bytes, rows, cols, encoding };
    });
    if (!gate || !up || !down) throw new Error('an expert has three matrices');
    const [gateBias, upBias, downBias] = biases;
    if (!gateBias || !upBias || !downBias) return { gate, up, down };
    return { gate, up, down, biases: { gate: gateBias, up: upBias, down: downBias } };
  }

  return {
    placesOf,
    async readExpert(unit: Unit): Promise<ExpertWeights> {
      const { file, offset, length, hash } = rangeOf(unit);
      const data = await files.read({ name: file, start: offset, length, hash, what: expertNamed(unit) });
      const matrix = ({ encoding, rows, cols, offset: at, bytes }: Place): Matrix => {
        return { encoding, rows, cols, data: data.subarray(at - offset, at - offset + bytes) };
      };
      const { gate, up, down, biases } = placesOf(unit);
      const matrices = { gate: matrix(gate), up: matrix(up), down: matrix(down) };
      if (biases === undefined) return matrices;
      const vector = (place: Place) => dequantize(matrix(place));
      return {
        ...matrices,
        biases: { gate: vector(biases.gate), up: vector(biases.up), down: vector(biases.down) },
      };
    },
    expertRange(unit: Unit): HashedRange {
      const { file, offset, length, hash } = rangeOf(unit);
      return { path: join(dir, file), offset, bytes: length, hash, what: expertNamed(unit) };
    },
  };
}

const tensorNamed = (name: string) => `tensor ${name}`;
const expertNamed = ({ layer, expert }: Unit) => `expert ${expert} of layer ${layer}`;
