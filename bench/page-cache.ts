// Puts files into the page cache and drops them again.
import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

const CHUNK = 16 * 2 ** 20;

/** Reads every byte. */
export async function warm(files: readonly string[]): Promise<void> {
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (const path of files) {
    const file = await open(path);
    try {
      while ((await file.read(buffer, 0, CHUNK, null)).bytesRead > 0);
    } finally {
      await file.close();
    }
  }
}

/** Needs no rights: dd's `nocache` with a count of 0 advises the kernel to drop the whole file (GNU coreutils). */
export async function evict(files: readonly string[]): Promise<void> {
  const dd = promisify(execFile);
  for (const path of files) await dd('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
}
