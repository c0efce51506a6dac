// The directory in which a bundle grows, and the rename that makes it one. Knows files and sizes, no tensors.
import { mkdir, open, readdir, rename, rmdir, stat, statfs, unlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InputError } from '../errors.ts';
import { JOURNAL_FILE } from './journal.ts';
import type { PlannedFile } from './plan.ts';

/** Where a bundle grows until it is whole: beside its target, so that the rename is one step. */
export function partialDir(to: string): string {
  return `${resolve(to)}.partial`;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

export async function refuseOccupied(to: string): Promise<void> {
  const found = await readdir(to).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw new InputError(`${to}: cannot be written: ${String(error)}`, { cause: error });
  });
  if (found.length > 0)
    throw new InputError(`${to}: exists and is not empty: choose another directory or delete it`);
}

export async function requireSpace(dir: string, files: readonly PlannedFile[]): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  let needed = 0;
  for (const { name, bytes } of files) {
    const present = await stat(join(dir, name)).catch((error: unknown) => {
      if (isMissing(error)) return { blocks: 0 };
      throw error;
    });
    needed += Math.max(0, bytes - present.blocks * 512);
  }
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  if (needed <= bavail * bsize) return;
  throw new InputError(`${dir}: ${gigabytes(needed)} more are needed, ${gigabytes(bavail * bsize)} are free`);
}

/** Brings every file to its size with its header in place; what an earlier run wrote stays. */
export async function prepareFiles(
  dir: string,
  files: readonly PlannedFile[],
  copies: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  for (const [name, data] of copies) await writeFile(join(dir, name), data);
  for (const { name, header, bytes } of files) {
    await (await open(join(dir, name), 'a')).close();
    const file = await open(join(dir, name), 'r+');
    try {
      await file.truncate(bytes);
      await file.write(header, 0, header.length, 0);
    } finally {
      await file.close();
    }
  }
}

/** Waits until the disk has the file. */
export async function flush(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The rename is the moment at which the bundle exists; the journal goes after it, so that a kill between loses nothing. */
export async function finish(dir: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await rmdir(to).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
  await rename(dir, to);
  await unlink(join(to, JOURNAL_FILE));
}
