// Reads a file that a flag names. Refuses pipes, sockets and terminals, which could keep the reader waiting for ever, and files that
// would fill its memory.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Enough for 100,000 keys, or for the addresses of as many shards. */
const MOST_BYTES = 64 * 2 ** 20;

/** Rejects with an error that names the file if it is not a regular file or has more than `mostBytes`. */
export async function readRegularFile(
  path: string,
  { mostBytes = MOST_BYTES }: { mostBytes?: number } = {},
): Promise<Buffer> {
  // Opens at once even a pipe that nobody writes to; the check below refuses it.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error(`${path}: this is not a regular file`);
    if (stats.size > mostBytes)
      throw new Error(`${path}: the file has more than ${mostBytes} bytes; is it the right one?`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
