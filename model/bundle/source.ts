// Where a bundle's weights come from: a directory that has all of them, or a remote place. From there each expert is fetched
// into a local directory when it is needed.
import { mkdir, open, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Unit } from '../devices/expert.ts';
import { InputError } from '../errors.ts';
import { readExactly } from '../reading/read-exactly.ts';
import { MAX_HEADER_BYTES } from '../safetensors.ts';
import { type FetchRangeOptions, fetchBytes } from './fetch-range.ts';
import { shortHash } from './hash.ts';
import {
  contentHashOf,
  type ExpertRange,
  GOLDEN_FILE,
  MANIFEST_FILE,
  type Manifest,
  parseJson,
  parseManifest,
} from './manifest.ts';

export interface BringOptions {
  signal?: AbortSignal;
  /** Counts bytes, including those that were there already. */
  onBrought?: (done: number, total: number) => void;
}

export interface WeightSource {
  /** A bundle for `openBundle`. The bytes of an expert are valid only after `bring`. */
  readonly dir: string;
  bring(units: readonly Unit[], options?: BringOptions): Promise<void>;
}

/** The files of a remote bundle. */
export interface RemoteFiles {
  /** Where a file is, for messages. */
  place: (file: string) => string;
  /** Reads a range, or the whole file if `range` is absent. Rejects with an InputError that names the place. */
  read: (
    file: string,
    range: { start: number; length: number } | undefined,
    signal: AbortSignal | undefined,
  ) => Promise<Uint8Array<ArrayBuffer>>;
}

export interface HttpSourceOptions extends FetchRangeOptions {
  /** URL of the bundle, ending in `/`. */
  url: URL;
  cache: string;
}

/** Experts that are fetched at a time. */
const AT_ONCE = 4;
/** Bytes of the first request for a header. Most headers are shorter and so take one request. */
const FIRST_BYTES = 64 * 1024;

export function diskSource(dir: string): WeightSource {
  return { dir, bring: async () => {} };
}

export function httpSource({ url, cache, ...options }: HttpSourceOptions): Promise<WeightSource> {
  const at = (file: string) => new URL(file, url);
  return remoteSource({
    cache,
    files: {
      place: (file) => at(file).href,
      read: (file, range, signal) => fetchBytes(at(file), range, { ...options, ...(signal && { signal }) }),
    },
  });
}

/**
 * Resolves when the manifest, the files that are read whole and the headers of the others have been fetched. Bundles are
 * kept in `cache`, each in a directory named by its content hash.
 */
export async function remoteSource({
  files,
  cache,
}: {
  files: RemoteFiles;
  cache: string;
}): Promise<WeightSource> {
  const at = files.place(MANIFEST_FILE);
  const text = Buffer.from(await files.read(MANIFEST_FILE, undefined, undefined)).toString();
  const manifest = parseManifest(parseJson(text, at), at);
  if (contentHashOf(manifest) !== manifest.contentHash) {
    throw new InputError(`${at}: field contentHash: does not match the hashes listed: edited or damaged`);
  }
  const dir = join(cache, manifest.contentHash.replace(/^sha256:/, '').slice(0, 16));
  await mkdir(dir, { recursive: true });
  for (const [name, listed] of Object.entries(manifest.files)) {
    const file = { name, path: join(dir, name), ...listed };
    if (listed.hash !== undefined || name === GOLDEN_FILE) await fetchWhole(file, files);
    else await fetchHeader(file, files);
  }
  await replace(join(dir, MANIFEST_FILE), Buffer.from(text));
  return {
    dir,
    bring: (units, { signal, onBrought } = {}) =>
      bring(manifest, units, {
        fetchRange: ({ file, offset, length }) => files.read(file, { start: offset, length }, signal),
        dir,
        onBrought: onBrought ?? (() => {}),
      }),
  };
}

interface Listed {
  name: string;
  path: string;
  bytes: number;
  hash?: string | undefined;
}

async function fetchWhole({ name, path, bytes, hash }: Listed, files: RemoteFiles): Promise<void> {
  const there = await readFile(path).catch(() => undefined); // a file that cannot be read is fetched
  if (there?.length === bytes && (hash === undefined || shortHash(there) === hash)) return;
  const fetched = await files.read(name, undefined, undefined);
  const at = files.place(name);
  if (fetched.length !== bytes) throw new InputError(`${at}: has ${fetched.length} bytes, not ${bytes}`);
  if (hash !== undefined && shortHash(fetched) !== hash) {
    throw new InputError(`${at}: does not match its hash in ${MANIFEST_FILE}: damaged or replaced`);
  }
  await replace(path, fetched);
}

/** Makes a sparse file of the right size that holds only its header. It takes disk space when experts are written. */
async function fetchHeader({ name, path, bytes }: Listed, files: RemoteFiles): Promise<void> {
  const there = await stat(path).catch(() => undefined); // a missing file is fetched
  if (there?.size === bytes) return;
  const upTo = (length: number) => files.read(name, { start: 0, length }, undefined);
  let head = await upTo(Math.min(FIRST_BYTES, bytes));
  const length = head.length < 8 ? 0 : Number(Buffer.from(head.buffer).readBigUInt64LE());
  if (8 + length > Math.min(bytes, MAX_HEADER_BYTES)) {
    throw new InputError(
      `${files.place(name)}: its header claims ${length} bytes: it is not a safetensors file`,
    );
  }
  if (8 + length > head.length) head = await upTo(8 + length);
  const handle = await open(`${path}.new`, 'w');
  try {
    await handle.write(head, 0, 8 + length, 0);
    await handle.truncate(bytes);
  } finally {
    await handle.close();
  }
  await rename(`${path}.new`, path);
}

interface Bringing {
  dir: string;
  fetchRange: (range: ExpertRange) => Promise<Uint8Array>;
  onBrought: (done: number, total: number) => void;
}

/** Continues an interrupted run: what is sound on disk is not fetched again. */
async function bring(
  manifest: Manifest,
  units: readonly Unit[],
  { dir, fetchRange, onBrought }: Bringing,
): Promise<void> {
  const ranges = units.map((unit) => ({ unit, range: rangeOf(manifest, unit) }));
  const total = ranges.reduce((sum, { range }) => sum + range.length, 0);
  let done = 0;
  const lane = async () => {
    for (let next = ranges.shift(); next !== undefined; next = ranges.shift()) {
      const { unit, range } = next;
      await bringOne(join(dir, range.file), unit, range, fetchRange);
      done += range.length;
      onBrought(done, total);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

async function bringOne(
  path: string,
  { layer, expert }: Unit,
  range: ExpertRange,
  fetchRange: Bringing['fetchRange'],
): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    const there = new Uint8Array(range.length);
    await readExactly(handle, there, range.offset, path);
    if (shortHash(there) === range.hash) return;
    const fetched = await fetchRange(range);
    if (shortHash(fetched) !== range.hash) {
      const what = `expert ${expert} of layer ${layer}`;
      throw new InputError(`${path}: ${what}: what was fetched does not match its hash in ${MANIFEST_FILE}`);
    }
    await handle.write(fetched, 0, range.length, range.offset);
  } finally {
    await handle.close();
  }
}

function rangeOf(manifest: Manifest, { layer, expert }: Unit): ExpertRange {
  const range = manifest.experts[layer]?.[expert];
  if (range === undefined) throw new RangeError(`the model has no expert ${expert} in layer ${layer}`);
  return range;
}

/** Replaces a file in one step: readers see the old bytes or the new ones, whole. */
async function replace(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, bytes, { flush: true });
  await rename(`${path}.new`, path);
}
