// Opens the files of a bundle on disk. Sizes are checked when the files are opened, and hashes when bytes are read.
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { readExactly } from '../reading/read-exactly.ts';
import { readMetadata, readTensorMap, type TensorMap } from '../safetensors.ts';
import { shortHash } from './hash.ts';
import type { Manifest } from './manifest.ts';

interface FileRange {
  name: string;
  start: number;
  length: number;
  /** The bytes' short hash. Reading fails if the bytes have another hash, or if `hash` is undefined. */
  hash: string | undefined;
  /** Describes the bytes in errors. */
  what: string;
}

export interface BundleFiles {
  /** Returns the bytes in a buffer of their own, so that typed arrays over them are aligned. */
  read(range: FileRange): Promise<Uint8Array<ArrayBuffer>>;
  header(name: string): Promise<TensorMap>;
  /** The strings in a header's metadata. */
  metadata(name: string): Promise<Readonly<Record<string, string>>>;
  close(): Promise<void>;
}

/** The error for bytes that do not match their hash. */
export function damaged(path: string, what: string): InputError {
  return new InputError(`${path}: ${what}: does not match its hash in bundle.json: damaged or replaced`);
}

/** Opens every file that bundle.json lists, and compares its size with the listed size. */
export async function openFiles(dir: string, listed: Manifest['files']): Promise<BundleFiles> {
  const handles = new Map<string, FileHandle>();
  const close = async (): Promise<void> => {
    await Promise.all([...handles.values()].map((handle) => handle.close()));
  };
  const find = (name: string): FileHandle => {
    const handle = handles.get(name);
    if (handle === undefined) throw new InputError(`${join(dir, name)}: is not listed in bundle.json`);
    return handle;
  };
  try {
    for (const [name, { bytes }] of Object.entries(listed)) {
      const path = join(dir, name);
      const handle = await open(path).catch((cause: unknown) => {
        throw new InputError(`${path}: cannot be opened, though bundle.json lists it`, { cause });
      });
      handles.set(name, handle);
      const { size } = await handle.stat();
      if (size === bytes) continue;
      throw new InputError(`${path}: has ${size} bytes, bundle.json says ${bytes}: truncated or replaced`);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async read({ name, start, length, hash, what }) {
      const path = join(dir, name);
      const data = new Uint8Array(length);
      await readExactly(find(name), data, start, path);
      if (shortHash(data) === hash) return data;
      throw damaged(path, what);
    },
    header: async (name) => readTensorMap(find(name), join(dir, name)),
    metadata: async (name) => readMetadata(find(name), join(dir, name)),
    close,
  };
}
