// Sources of a bundle's weights: a directory that has all of them, or a remote place from which each expert is fetched into a
// local directory when it is needed.
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Unit } from '../devices/expert.ts';
import { InputError } from '../errors.ts';
import { readExactly } from '../reading/read-exactly.ts';
import { loadTensorMap, MAX_HEADER_BYTES } from '../safetensors.ts';
import { type FetchRangeOptions, fetchBytes } from './fetch-range.ts';
import { isGoldenFile } from './golden-file.ts';
import { shortHash } from './hash.ts';
import {
  type ExpertRange,
  expertRange,
  GOLDEN_FILE,
  type GoldenRows,
  MANIFEST_FILE,
  parseJson,
  parseManifest,
  replaceFile,
  requireContentHash,
} from './manifest.ts';

interface BringOptions {
  signal?: AbortSignal;
  /** Counts bytes, including those that were on disk already. */
  onBrought?: (done: number, total: number) => void;
}

export interface WeightSource {
  /** The bundle's directory, for `openBundle`. The bytes of an expert are valid only after `bring`. */
  readonly dir: string;
  /** Fetches the units that are not on disk yet, and checks their hashes. */
  bring(units: readonly Unit[], options?: BringOptions): Promise<void>;
}

/** The files of a remote bundle. */
export interface RemoteFiles {
  /** Names the place of a file in messages. */
  place: (file: string) => string;
  /** Reads a range, or the whole file if `range` is undefined. Rejects with an InputError that names the place. */
  read: (
    file: string,
    range: { start: number; length: number } | undefined,
    signal: AbortSignal | undefined,
  ) => Promise<Uint8Array<ArrayBuffer>>;
}

interface HttpSourceOptions extends FetchRangeOptions {
  /** URL of the bundle, ending in `/`. */
  url: URL;
  cache: string;
}

/** Number of experts that are fetched at once. */
const AT_ONCE = 4;
/** Bytes of the first request for a header. Most headers are shorter, so one request is enough. */
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
 * Resolves when the manifest, the files that are read whole and the headers of all other files have been fetched. Bundles are
 * kept in `cache`, each in a directory named after its content hash.
 */
export async function remoteSource(options: { files: RemoteFiles; cache: string }): Promise<WeightSource> {
  const { files, cache } = options;
  const at = files.place(MANIFEST_FILE);
  const text = Buffer.from(await files.read(MANIFEST_FILE, undefined, undefined)).toString();
  const manifest = parseManifest(parseJson(text, at), at);
  requireContentHash(manifest, at);
  const dir = join(cache, manifest.contentHash.replace(/^sha256:/, '').slice(0, 16));
  await mkdir(dir, { recursive: true });
  for (const [name, listed] of Object.entries(manifest.files)) {
    const file = { name, path: join(dir, name), ...listed };
    if (listed.hash !== undefined || name === GOLDEN_FILE) await fetchWhole(file, manifest.goldenRows, files);
    else await fetchHeader(file, files);
  }
  await replaceFile(join(dir, MANIFEST_FILE), text);
  return {
    dir,
    async bring(units, options) {
      const wanted = units.map((unit) => ({ ...expertRange(manifest, unit), unit }));
      await bring(wanted, { dir, files, ...options });
    },
  };
}

interface Listed {
  name: string;
  path: string;
  bytes: number;
  hash?: string | undefined;
}

async function fetchWhole(
  file: Listed,
  goldenRows: GoldenRows | undefined,
  files: RemoteFiles,
): Promise<void> {
  const { name, path, bytes } = file;
  const found = await readFile(path).catch(() => undefined); // a file that cannot be read is fetched
  if (found?.length === bytes && matchesHashes(found, file, goldenRows)) return;
  const fetched = Buffer.from(await files.read(name, undefined, undefined));
  const at = files.place(name);
  if (fetched.length !== bytes) throw new InputError(`${at}: has ${fetched.length} bytes, not ${bytes}`);
  if (!matchesHashes(fetched, file, goldenRows)) {
    throw new InputError(`${at}: does not match its hash in ${MANIFEST_FILE}: damaged or replaced`);
  }
  await replaceFile(path, fetched);
}

/** The file of golden rows has no hash of its own. Its hashes are those in `goldenRows`. */
function matchesHashes(content: Buffer, { name, hash }: Listed, goldenRows: GoldenRows | undefined): boolean {
  if (hash !== undefined) return shortHash(content) === hash;
  return name !== GOLDEN_FILE || goldenRows === undefined || isGoldenFile(content, goldenRows);
}

/** Makes a sparse file of the full size that contains only its header. An expert takes disk space only when it is written. */
async function fetchHeader({ name, path, bytes }: Listed, files: RemoteFiles): Promise<void> {
  const found = await stat(path).catch(() => undefined); // a missing file is fetched
  if (found?.size === bytes && (await hasHeader(path))) return;
  const upTo = (length: number) => files.read(name, { start: 0, length }, undefined);
  let head = await upTo(Math.min(FIRST_BYTES, bytes));
  const length = head.length < 8 ? 0 : Number(Buffer.from(head.buffer).readBigUInt64LE());
  if (8 + length > Math.min(bytes, MAX_HEADER_BYTES)) {
    const problem = `its header claims ${length} bytes: it is not a safetensors file`;
    throw new InputError(`${files.place(name)}: ${problem}`);
  }
  if (8 + length > head.length) head = await upTo(8 + length);
  const handle = await open(`${path}.new`, 'w');
  try {
    await handle.write(head, 0, 8 + length, 0);
    await handle.truncate(bytes);
    await handle.sync(); // otherwise a power cut could leave zeros under the final name
  } finally {
    await handle.close();
  }
  await rename(`${path}.new`, path);
}

function hasHeader(path: string): Promise<boolean> {
  return loadTensorMap(path, path).then(
    () => true,
    () => false, // a file that cannot be read is fetched
  );
}

type WantedRange = ExpertRange & { unit: Unit };

interface Bringing extends BringOptions {
  dir: string;
  files: RemoteFiles;
}

/** Experts whose bytes on disk match their hash, as after an interrupted run, are not fetched again. */
async function bring(wanted: WantedRange[], options: Bringing): Promise<void> {
  const total = wanted.reduce((sum, { length }) => sum + length, 0);
  let done = 0;
  const lane = async () => {
    for (let next = wanted.shift(); next !== undefined; next = wanted.shift()) {
      await bringOne(next, options);
      done += next.length;
      options.onBrought?.(done, total);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

async function bringOne(wanted: WantedRange, { dir, files, signal }: Bringing): Promise<void> {
  const { unit, file, offset, length, hash } = wanted;
  const path = join(dir, file);
  const handle = await open(path, 'r+');
  try {
    const found = new Uint8Array(length);
    await readExactly(handle, found, offset, path);
    if (shortHash(found) === hash) return;
    const fetched = await files.read(file, { start: offset, length }, signal);
    if (shortHash(fetched) !== hash) {
      const what = `expert ${unit.expert} of layer ${unit.layer}`;
      throw new InputError(`${path}: ${what}: the fetched bytes do not match their hash in ${MANIFEST_FILE}`);
    }
    await handle.write(fetched, 0, length, offset);
  } finally {
    await handle.close();
  }
}
