// The directory in which a bundle grows, and the rename that completes it.
import { mkdir, open, readdir, rename, rm, rmdir, stat, statfs, unlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { formatBytes } from '../../base/format-bytes.ts';
import { hasCode, InputError } from '../errors.ts';
import { JOURNAL_FILE } from './journal.ts';
import type { PlannedFile } from './plan.ts';

/** Suffix of a directory in which a bundle grows. */
export const PARTIAL = '.partial';

/** The directory in which a bundle grows. It is beside the target, so that one rename completes the bundle. */
export function partialDir(to: string): string {
  return resolve(to) + PARTIAL;
}

export async function refuseOccupied(to: string): Promise<void> {
  const found = await readdir(to).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw new InputError(`${to}: cannot be written: ${String(error)}`, { cause: error });
  });
  if (found.length > 0)
    throw new InputError(`${to}: exists and is not empty: choose another directory or delete it`);
}

/** Rejects if the disk has no room for the bytes still to be written to `dir`: the rest of the files, and `extra` bytes. */
export async function requireSpace(
  dir: string,
  files: readonly Pick<PlannedFile, 'name' | 'bytes'>[],
  extra: number,
): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  let needed = extra;
  for (const { name, bytes } of files) {
    const present = await stat(join(dir, name)).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT')) return { blocks: 0 };
      throw error;
    });
    needed += Math.max(0, bytes - present.blocks * 512);
  }
  const fault = spaceFault({ needed, free: bavail * bsize });
  if (fault !== undefined) throw new InputError(`${dir}: ${fault}`);
}

/** The error's text if there is not enough room, otherwise undefined. Arguments are in bytes. */
export function spaceFault({ needed, free }: { needed: number; free: number }): string | undefined {
  if (needed <= free) return undefined;
  return (
    `${formatBytes(needed)} are still to be written, and the disk has ${formatBytes(free)} free. ` +
    `Free another ${formatBytes(needed - free)}, or choose a directory on another disk`
  );
}

/** Gives every file its size and its header. Data of an earlier run stays. */
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

/** Deletes the files of a bundle that cannot be completed, and their directory unless something else is in it. */
export async function discard(dir: string, names: readonly string[]): Promise<void> {
  for (const name of [...names, JOURNAL_FILE]) await rm(join(dir, name), { force: true });
  await rmdir(dir).catch((error: unknown) => {
    if (!hasCode(error, 'ENOTEMPTY')) throw error;
  });
}

/** Waits until the file is on the disk. */
export async function flush(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Renames the complete bundle. The journal is deleted after the rename, so that a kill between the two loses nothing. */
export async function finish(dir: string, to: string): Promise<void> {
  await renameTo(dir, to);
  await unlink(join(to, JOURNAL_FILE));
}

/** Renames the complete directory. `to` may be an empty directory. */
export async function renameTo(dir: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await rmdir(to).catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw error;
  });
  await rename(dir, to);
}
