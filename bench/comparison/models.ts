// The two models of the comparison, which have the same shape: our bundle and llama.cpp's file. A model that is not in
// the cache directory is written there.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat, statfs, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { progressBar } from '../../cli/terminal/progress.ts';
import type { ModelConfig } from '../../model/config/config.ts';
import { readConfig } from '../inputs.ts';
import { randomGgufBytes, writeRandomGguf } from '../peers/random-gguf.ts';

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
/** Disk space that must remain free. */
const SPARE_BYTES = 2e9;

export interface Bundle {
  /** Directory of the bundle. */
  model: string;
  config: ModelConfig;
  /** Paths of all files of the bundle, and the sum of their sizes. */
  files: string[];
  bytes: number;
}

/** The bundle in directory `model`, if given. Otherwise one in the cache with the shape `shape` and random weights. */
export async function findBundle(options: { model?: string; shape: string; cache: string }): Promise<Bundle> {
  const model =
    options.model === undefined ? await synthesised(options.shape, options.cache) : resolve(options.model);
  const config = await readConfig(model);
  const files = (await readdir(model)).map((name) => join(model, name));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return { model, config, files, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

async function synthesised(shape: string, cache: string): Promise<string> {
  const named = existsSync(shape) ? shapeHash(await readFile(shape, 'utf8')) : shape;
  const model = join(cache, `bundle-${named}`);
  if (existsSync(model)) return model;
  const args = [main, 'synth', '--shape', shape, '--to', model, '--bits', '4'];
  const [code] = await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'close');
  if (code !== 0) throw new Error(`expertgrid synth --shape ${shape} ended with exit code ${code}`);
  return model;
}

/** Path of llama.cpp's file in Q4_0 with the shape of `config`. */
export async function findGguf(config: ModelConfig, cache: string): Promise<string> {
  const { hidden, layers, experts, inner, vocab } = config;
  const name = `${layers}x${experts}x${inner}-${hidden}-${vocab}-${shapeHash(JSON.stringify(config))}.gguf`;
  const to = join(cache, name);
  if (existsSync(to)) return to;
  await requireSpace(cache, randomGgufBytes(config));
  const bar = progressBar({ label: `writing ${name}`, unit: 'tensors' });
  await writeRandomGguf(config, { to, onTensor: (done, total) => bar.update(done, total) });
  bar.end();
  // Writes that are still in progress would disturb the measurement.
  execFileSync('sync', [to]);
  return to;
}

/** Path of a file for the bandwidth probe. The file is larger than any processor cache. */
export async function findProbe(cache: string): Promise<string> {
  const path = join(cache, 'probe.bin');
  if (!existsSync(path)) await writeFile(path, Buffer.alloc(512 * 2 ** 20, 1));
  return path;
}

async function requireSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= bytes + SPARE_BYTES) return;
  const needed = ((bytes + SPARE_BYTES) / 1e9).toFixed(0);
  throw new Error(
    `${directory} has ${(free / 1e9).toFixed(0)} GB free, and llama.cpp's file needs ${needed} GB. Free some space, or choose another directory with --cache.`,
  );
}

function shapeHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
