// Reads a file that a flag names. Refuses files that are too large. Also refuses pipes, sockets and terminals, because reading one
// may never end.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Default limit in bytes. A file of 100,000 API keys is smaller. */
const MOST_BYTES = 64 * 2 ** 20;

/** Rejects with an error that names the file if it is not a regular file or has more than `mostBytes` bytes. */
export async function readRegularFile(
  path: string,
  { mostBytes = MOST_BYTES }: { mostBytes?: number } = {},
): Promise<Buffer> {
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
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
