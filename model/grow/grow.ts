// Grows a Hugging Face checkpoint: copies of layers, copies of experts, or experts from a dense model's MLPs. Writes another
// checkpoint (orthogonal growth, arXiv 2510.08008).
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { ModelConfig } from '../config/model-config.ts';
import { partialDir, refuseOccupied, renameTo, requireSpace } from '../convert/staging.ts';
import { hasCode, InputError } from '../errors.ts';
import { tensorBytes } from '../safetensors.ts';
import { copyFiles } from './copied-files.ts';
import { growModel } from './grown-model.ts';
import type { Growth } from './growth.ts';
import { planShards, shardSizes, writeShards } from './write-checkpoint.ts';

export interface GrowOptions {
  /** A directory with config.json and safetensors weights. */
  from: string;
  to: string;
  growth: Growth;
  signal?: AbortSignal;
  onProgress?: (progress: { done: number; total: number }) => void;
  /** Most bytes of tensors in a file. */
  fileBytes?: number;
}

export interface Grown {
  dir: string;
  /** Bytes of the weights. */
  bytes: number;
  /** The model that the new config.json describes. */
  config: ModelConfig;
}

/**
 * Writes the grown checkpoint to `to`, which must not exist or must be empty. It is written beside it, in a directory with the
 * suffix `.partial`, which is deleted if the call fails. Throws an InputError that names file and tensor or field if the
 * checkpoint cannot be grown.
 */
export async function grow({
  from,
  growth,
  signal,
  onProgress,
  fileBytes,
  ...rest
}: GrowOptions): Promise<Grown> {
  const to = resolve(rest.to);
  await refuseOccupied(to);
  const { json, config, tensors } = await growModel(resolve(from), growth);
  const dir = await makePartial(to);
  try {
    const shards = planShards(tensors, fileBytes);
    await requireSpace(dir, shardSizes(shards), 0);
    const total = tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
    let done = 0;
    onProgress?.({ done, total });
    const onBytes = (bytes: number): void => {
      done += bytes;
      onProgress?.({ done, total });
    };
    await writeShards(dir, shards, { signal, onBytes });
    await copyFiles(resolve(from), dir);
    await writeFile(join(dir, 'config.json'), `${JSON.stringify(json, null, 2)}\n`);
    await renameTo(dir, to);
    return { dir: to, bytes: total, config };
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

/** Rejects if another run has the directory. */
async function makePartial(to: string): Promise<string> {
  const dir = partialDir(to);
  await mkdir(dirname(dir), { recursive: true });
  await mkdir(dir).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
    throw new InputError(`${dir}: exists: another run writes it, or one was killed; then delete it`);
  });
  return dir;
}
