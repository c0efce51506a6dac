// Reads a file that a flag names, and nothing else: a pipe, a socket or a terminal could keep the reader waiting for ever, and
// a file of gigabytes could fill its memory. Knows no file's meaning.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Keys of 100,000 callers, or the addresses of as many shards. Bytes. */
const MOST_BYTES = 64 * 2 ** 20;

/** Rejects, naming the file, if it is no regular file or has more than `mostBytes`; else as `readFile` does. */
export async function readRegularFile(
  path: string,
  { mostBytes = MOST_BYTES }: { mostBytes?: number } = {},
): Promise<Buffer> {
  // A pipe that nobody writes to is opened at once, and told apart afterwards.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error(`${path}: is no regular file`);
    if (stats.size > mostBytes)
      throw new Error(`${path}: has more than ${mostBytes} bytes; is it the right file?`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
