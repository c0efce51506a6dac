// Opens GGUF files: reads and checks the header of a file, or the headers of all files that a model is split into.
import { access, type FileHandle, open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasCode, InputError, tensorError } from '../errors.ts';
import { readExactly } from '../reading/read-exactly.ts';
import { type GgufEntry, type GgufHeader, type GgufValue, HeaderNeedsMore, parseHeader } from './header.ts';

/** Bytes that are read first. They hold the header of most models; a longer one is read again with twice the bytes. */
const FIRST_BYTES = 16 << 20;

/** The largest header that is read. Headers of published models, with vocabularies of 260,000 tokens, have about 20 MB. */
const MAX_HEADER_BYTES = 512 << 20;

export interface GgufTensor extends GgufEntry {
  path: string;
}

/** A model in GGUF: one file, or several that gguf-split wrote. */
export interface GgufModel {
  /** The file, or the first of them. Errors about keys name it. */
  path: string;
  /** All files, in order. */
  paths: readonly string[];
  metadata: ReadonlyMap<string, GgufValue>;
  tensors: ReadonlyMap<string, GgufTensor>;
}

/**
 * The GGUF file that `from` names: itself, or the model in a directory without a config.json. Undefined if `from` is another checkpoint.
 * Throws an InputError if the directory has several models.
 */
export async function findGguf(from: string): Promise<string | undefined> {
  if (from.endsWith('.gguf')) return from;
  const isCheckpoint = await access(join(from, 'config.json')).then(
    () => true,
    () => false,
  );
  if (isCheckpoint) return undefined;
  const names = await readdir(from).catch(() => []);
  const firsts = names.filter(
    (name) => name.endsWith('.gguf') && Number(SPLIT_NAME.exec(name)?.[2] ?? 1) === 1,
  );
  const [first, second] = firsts.sort();
  if (second !== undefined)
    throw new InputError(`${from}: has ${firsts.length} models in GGUF; name the file`);
  return first === undefined ? undefined : join(from, first);
}

/** Reads and checks the headers of the model that `path` belongs to. `path` may be any of the files of a split model. */
export async function openGguf(path: string): Promise<GgufModel> {
  const paths = splitPaths(path);
  const headers: GgufHeader[] = [];
  for (const each of paths) headers.push(await readGgufHeader(each));
  const [first] = headers;
  if (first === undefined) throw new InputError(`${path}: names no file of a split model`);
  for (const [index, header] of headers.entries()) {
    checkSplit(header, { file: paths[index] ?? path, index, count: paths.length });
  }
  const tensors = new Map<string, GgufTensor>();
  for (const [index, header] of headers.entries()) {
    const file = paths[index] ?? path;
    for (const tensor of header.tensors) {
      const other = tensors.get(tensor.name);
      if (other !== undefined) throw tensorError(file, tensor.name, `is in ${other.path} too`);
      tensors.set(tensor.name, { ...tensor, path: file });
    }
  }
  const total = first.metadata.get('split.tensors.count');
  if (paths.length > 1 && total !== undefined && total !== tensors.size) {
    const found = `the ${paths.length} files have ${tensors.size}`;
    throw new InputError(`${paths[0]}: key split.tensors.count: is ${String(total)}, but ${found} tensors`);
  }
  return { path: paths[0] ?? path, paths, metadata: first.metadata, tensors };
}

/** Reads and checks the header of one file. Uses memory for the header only. */
async function readGgufHeader(path: string): Promise<GgufHeader> {
  const handle = await open(path).catch((cause: unknown) => {
    const problem = hasCode(cause, 'ENOENT') ? 'is missing' : `cannot be read: ${String(cause)}`;
    throw new InputError(`${path}: ${problem}`, { cause });
  });
  try {
    return await readHeader(handle, path);
  } finally {
    await handle.close();
  }
}

async function readHeader(handle: FileHandle, path: string): Promise<GgufHeader> {
  const { size } = await handle.stat();
  for (let length = Math.min(size, FIRST_BYTES); ; length = Math.min(size, length * 2)) {
    const bytes = Buffer.alloc(length);
    await readExactly(handle, bytes, 0, path);
    try {
      return parseHeader(bytes, size, path);
    } catch (error) {
      if (!(error instanceof HeaderNeedsMore)) throw error;
      if (length * 2 > MAX_HEADER_BYTES) {
        throw new InputError(`${path}: its header has more than ${MAX_HEADER_BYTES} bytes`, { cause: error });
      }
    }
  }
}

const SPLIT_NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** The files of the model that `path` belongs to, by the naming of gguf-split: NAME-00001-of-00003.gguf. */
function splitPaths(path: string): string[] {
  const [, stem, own, total] = SPLIT_NAME.exec(basename(path)) ?? [];
  if (stem === undefined || own === undefined || total === undefined) return [path];
  if (Number(own) < 1 || Number(own) > Number(total)) {
    throw new InputError(`${path}: its name says that it is file ${Number(own)} of ${Number(total)}`);
  }
  const name = (i: number) => `${stem}-${String(i + 1).padStart(5, '0')}-of-${total}.gguf`;
  return Array.from({ length: Number(total) }, (_, i) => join(dirname(path), name(i)));
}

/** Throws unless the header says that it is file `index` of `count`. A file of its own has no split keys, or says 0 of 1. */
function checkSplit({ metadata }: GgufHeader, place: { file: string; index: number; count: number }): void {
  const count = metadata.get('split.count') ?? 1;
  const index = metadata.get('split.no') ?? 0;
  if (count === place.count && index === place.index) return;
  const found = `is file ${Number(index) + 1} of ${String(count)} by its keys split.no and split.count`;
  const expected =
    place.count === 1 ? 'but not by its name' : `but file ${place.index + 1} of ${place.count} by its name`;
  throw new InputError(
    `${place.file}: ${found}, ${expected}. Keep the names that gguf-split gave the files.`,
  );
}
