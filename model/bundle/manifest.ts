// Reads and writes bundle.json, the manifest: identity and precision of a bundle, its hashes, and the place of each expert.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  fields,
  list,
  oneOf,
  optional,
  record,
  type Shape,
  ShapeError,
  text,
  whole,
} from '../config/json-shapes.ts';
import type { Unit } from '../devices/expert.ts';
import { InputError } from '../errors.ts';
import { type Bits, bundleBits, GROUP } from '../tiles.ts';
import { hashLines } from './hash.ts';

export const MANIFEST_FILE = 'bundle.json';
export const DENSE_FILE = 'dense.safetensors';
export const GOLDEN_FILE = 'golden.safetensors';

/** The layer's file, `experts-LLLLL.safetensors`. */
export function expertsFile(layer: number): string {
  return `experts-${String(layer).padStart(5, '0')}.safetensors`;
}

/** One unit: `length` bytes of `file` from byte `offset` on, which are gate, up and down in this order. */
export interface ExpertRange {
  file: string;
  offset: number;
  length: number;
  hash: string;
}

/** The numerics class of the golden answers, and the hashes of the file's tensors. `answers` has one hash for each layer. */
export interface GoldenRows {
  numericsClass: string;
  input: string;
  digests: string;
  answers: string[];
}

export interface Manifest {
  format: 1;
  tool: string;
  /** Identifies the checkpoint. It is the same at every precision. */
  identity: string;
  /** Identifies the exact bytes of the bundle. */
  contentHash: string;
  bits: Bits;
  group: typeof GROUP;
  sourceDtypes: string[];
  /** Every other file of the bundle. Files that are copied whole have a hash. */
  files: Record<string, { bytes: number; hash?: string | undefined }>;
  /** Tensor → hash. */
  dense: Record<string, string>;
  /** `[layer][expert]` */
  experts: ExpertRange[][];
  goldenRows?: GoldenRows | undefined;
}

const shortHash = text(/^[0-9a-f]{32}$/, 'a hash of 32 hex digits');
const fullHash = text(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hex digits');
/** A file in the directory of bundle.json, never a path to another directory. */
const fileName = text(/^[\w][\w.-]*$/, 'the name of a file in the same directory');

const manifestShape: Shape<Manifest> = fields({
  format: oneOf(1),
  tool: text(),
  identity: fullHash,
  contentHash: fullHash,
  bits: oneOf(...bundleBits),
  group: oneOf(GROUP),
  sourceDtypes: list(text()),
  files: record(fileName, fields({ bytes: whole(0), hash: optional(shortHash) })),
  dense: record(text(), shortHash),
  experts: list(list(fields({ file: fileName, offset: whole(0), length: whole(1), hash: shortHash }))),
  goldenRows: optional(
    fields({
      numericsClass: text(/./s, 'the name of a class'),
      input: shortHash,
      digests: shortHash,
      answers: list(shortHash),
    }),
  ),
});

export function parseManifest(json: unknown, file: string): Manifest {
  try {
    return manifestShape(json, '');
  } catch (error) {
    if (error instanceof ShapeError) throw new InputError(`${file}: ${error.message}`);
    throw error;
  }
}

/** The hash of a bundle's weights and files except its golden rows. Bundles with the same content hash are interchangeable. */
export function contentHashOf({ bits, group, files, dense, experts }: Omit<Manifest, 'contentHash'>): string {
  const sorted = <T>(record: Record<string, T>) =>
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return hashLines([
    'expertgrid bundle 1',
    `bits ${bits} group ${group}`,
    ...sorted(files).flatMap(([name, { hash }]) => (hash === undefined ? [] : [`file ${name} ${hash}`])),
    ...sorted(dense).map(([name, hash]) => `dense ${name} ${hash}`),
    ...experts.flatMap((units, layer) =>
      units.map(({ hash }, expert) => `expert ${layer} ${expert} ${hash}`),
    ),
  ]);
}

/** Throws unless the manifest's content hash follows from the hashes that it lists. `place` names the manifest in the error. */
export function requireContentHash(manifest: Manifest, place: string): void {
  if (contentHashOf(manifest) === manifest.contentHash) return;
  const problem = 'field contentHash: does not match the hashes listed: edited or damaged';
  throw new InputError(`${place}: ${problem}`);
}

export function expertRange({ experts }: Manifest, { layer, expert }: Unit): ExpertRange {
  const range = experts[layer]?.[expert];
  if (range === undefined) throw new RangeError(`the model has no expert ${expert} in layer ${layer}`);
  return range;
}

export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InputError(`${path}: is not JSON`, { cause });
  }
}

export async function readManifest(dir: string): Promise<Manifest> {
  const path = join(dir, MANIFEST_FILE);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError(`${path}: cannot be read: ${dir} is not a bundle`, { cause });
  });
  return parseManifest(parseJson(text, path), path);
}

export async function writeManifest(dir: string, manifest: Manifest): Promise<void> {
  await replaceFile(join(dir, MANIFEST_FILE), `${JSON.stringify(manifest, null, 1)}\n`);
}

/** Writes a new file and renames it, so that readers see either all of the old content or all of the new content. */
export async function replaceFile(path: string, data: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, data, { flush: true });
  await rename(`${path}.new`, path);
}

/**
 * Adds or replaces the golden rows: `staged`, a file in `dir`, becomes `golden.safetensors`. At every moment the bundle is
 * complete, with golden rows or without.
 */
export async function publishGoldenRows(
  dir: string,
  { staged, bytes, rows }: { staged: string; bytes: number; rows: GoldenRows },
): Promise<void> {
  const { goldenRows: earlier, ...manifest } = await readManifest(dir);
  const { [GOLDEN_FILE]: _, ...files } = manifest.files;
  if (earlier !== undefined) await writeManifest(dir, { ...manifest, files });
  await rename(join(dir, staged), join(dir, GOLDEN_FILE));
  const listed = { ...files, [GOLDEN_FILE]: { bytes } };
  await writeManifest(dir, { ...manifest, files: listed, goldenRows: rows });
}
