// Reads a range of a file completely, or throws an error that names the file.
import type { FileHandle } from 'node:fs/promises';
import { InputError } from '../errors.ts';

/** Well below 2 GiB, which is the most that one read call returns on Linux. */
const MAX_READ = 2 ** 30;

/** Fills `into` from byte `position` of the file. Throws an InputError if the file ends before. */
export async function readExactly(
  handle: FileHandle,
  into: Uint8Array,
  position: number,
  file: string,
): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const length = Math.min(into.length - done, MAX_READ);
    const { bytesRead } = await handle.read(into, done, length, position + done);
    if (bytesRead === 0)
      throw new InputError(`${file}: ends at byte ${position + done}: the file is truncated`);
    done += bytesRead;
  }
}
