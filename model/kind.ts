// Finds out whether a path is a bundle, a checkpoint or something else. It reads only names, a file's first bytes, and one field
// of config.json or of the manifest.
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { MANIFEST_FILE } from './bundle/manifest.ts';
import { isLayout } from './config/config.ts';
import { JOURNAL_FILE } from './convert/journal.ts';
import { PARTIAL } from './convert/staging.ts';
import { hasCode } from './errors.ts';

export type ModelKind =
  | { kind: 'bundle'; bits: number | undefined }
  /** A bundle that is being made, or whose conversion was interrupted. */
  | { kind: 'unfinished' }
  /** A Hugging Face checkpoint in a layout that can be converted. */
  | { kind: 'checkpoint'; layout: string }
  /** `layout` is undefined if its config.json names none. */
  | { kind: 'unsupported'; layout: string | undefined }
  /** A checkpoint without safetensors. `others` is one of its files of weights in another format. */
  | { kind: 'weightless'; layout: string; others: string | undefined }
  /** A repository in Hugging Face's cache. Its newest checkpoint is in `dir`. */
  | { kind: 'repository'; dir: string }
  /** `file` is the GGUF file's name, if the path is a directory. */
  | { kind: 'gguf'; file: string | undefined }
  | { kind: 'file' }
  | { kind: 'empty' }
  | { kind: 'missing' }
  /** `within` is a subdirectory that is a bundle or a checkpoint. */
  | { kind: 'other'; within: string | undefined };

const CONFIG_FILE = 'config.json';
const SAFETENSORS = '.safetensors';
const otherWeights = /\.(bin|pt|pth|ckpt|onnx|h5|msgpack|npz)$/;

/** Rejects with the system's error if the path cannot be read. */
export async function kindOf(path: string): Promise<ModelKind> {
  const found = await stat(path).catch(undefinedIfMissing);
  if (found === undefined) return { kind: 'missing' };
  if (!found.isDirectory())
    return (await isGguf(path)) ? { kind: 'gguf', file: undefined } : { kind: 'file' };
  const names = (await readdir(path)).sort();
  // The manifest is looked for first, because a killed conversion may leave its journal in a complete bundle.
  if (names.includes(MANIFEST_FILE) && !path.endsWith(PARTIAL)) {
    const bits = await fieldOf(join(path, MANIFEST_FILE), 'bits');
    return { kind: 'bundle', bits: typeof bits === 'number' ? bits : undefined };
  }
  if (names.includes(JOURNAL_FILE)) return { kind: 'unfinished' };
  if (names.includes(CONFIG_FILE)) return await checkpointKind(join(path, CONFIG_FILE), names);
  if (names.length === 0) return { kind: 'empty' };
  const gguf = names.find((name) => name.toLowerCase().endsWith('.gguf'));
  if (gguf !== undefined) return { kind: 'gguf', file: gguf };
  if (names.includes('snapshots')) {
    const dir = await newestIn(join(path, 'snapshots'));
    if (dir !== undefined) return { kind: 'repository', dir };
  }
  return { kind: 'other', within: await modelWithin(path, names) };
}

function undefinedIfMissing(error: unknown): undefined {
  if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
  return undefined;
}

async function isGguf(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1') === 'GGUF';
  } finally {
    await file.close();
  }
}

async function checkpointKind(path: string, names: readonly string[]): Promise<ModelKind> {
  const type = await fieldOf(path, 'model_type');
  const layout = typeof type === 'string' ? type : undefined;
  if (layout === undefined || !isLayout(layout)) return { kind: 'unsupported', layout };
  if (names.some((name) => name.endsWith(SAFETENSORS) || name.endsWith(`${SAFETENSORS}.index.json`))) {
    return { kind: 'checkpoint', layout };
  }
  return { kind: 'weightless', layout, others: names.find((name) => otherWeights.test(name)) };
}

/** Undefined if the file is not a JSON object with this field. The code that later reads the whole file reports the fault. */
async function fieldOf(path: string, field: string): Promise<unknown> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return Object.getOwnPropertyDescriptor(Object(value), field)?.value;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function newestIn(folder: string): Promise<string | undefined> {
  const found = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const dir = join(folder, name);
      return { dir, at: (await stat(dir)).mtimeMs };
    }),
  );
  return found.sort((a, b) => b.at - a.at)[0]?.dir;
}

/** The subdirectory that is a model, if there is only one. */
async function modelWithin(path: string, names: readonly string[]): Promise<string | undefined> {
  const models: string[] = [];
  for (const name of names.slice(0, 100)) {
    for (const file of [MANIFEST_FILE, CONFIG_FILE]) {
      const found = await stat(join(path, name, file)).catch(undefinedIfMissing);
      if (found !== undefined) models.push(join(path, name));
    }
  }
  return new Set(models).size === 1 ? models[0] : undefined;
}

/** The usual name of the checkpoint in `dir`: its directory, its repository in Hugging Face's cache, or its GGUF file without the ending. */
export function checkpointName(dir: string): string {
  const parts = dir.split(sep).filter((part) => part !== '');
  const repository = parts.at(-2) === 'snapshots' ? parts.at(-3) : undefined;
  const name = repository?.split('--').at(-1) ?? parts.at(-1) ?? 'model';
  return name.replace(/(-\d{5}-of-\d{5})?\.gguf$/, '');
}
