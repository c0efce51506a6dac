// Puts files into the page cache and drops them again.
import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

const CHUNK_BYTES = 16 * 2 ** 20;

/** Reads the files into the page cache. */
export async function warm(files: readonly string[]): Promise<void> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (const path of files) {
    const file = await open(path);
    try {
      while ((await file.read(buffer, 0, CHUNK_BYTES, null)).bytesRead > 0);
    } finally {
      await file.close();
    }
  }
}

/** Drops the files from the page cache. Needs no privileges, because GNU `dd` with `nocache` and a count of 0 does it. */
export async function evict(files: readonly string[]): Promise<void> {
  const dd = promisify(execFile);
  for (const path of files) await dd('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
}
