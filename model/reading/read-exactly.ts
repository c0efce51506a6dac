// Reading a stretch of a file, all of it or an error that names the file. Knows no format.
import type { FileHandle } from 'node:fs/promises';
import { InputError } from '../errors.ts';

/** One read call returns at most 2 GiB on Linux; stay well below. */
const MAX_READ = 2 ** 30;

/** Fills `into` from byte `position` of the file; throws an InputError where the file ends before. */
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
