// Reads a whole range of a file.
import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { InputError } from '../errors.ts';

/** Most bytes of one read call. Linux returns at most 2 GiB. */
const MAX_READ = 2 ** 30;

/** Fills `into` from byte `position` of the file. Throws an InputError that names the file if the file ends too early. */
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
    if (bytesRead === 0) throw truncated(file, position + done);
    done += bytesRead;
  }
}

/** The same for an open descriptor, in a thread that may block. */
export function readExactlySync(descriptor: number, into: Uint8Array, position: number, file: string): void {
  for (let done = 0; done < into.length; ) {
    const length = Math.min(into.length - done, MAX_READ);
    const count = readSync(descriptor, into, done, length, position + done);
    if (count === 0) throw truncated(file, position + done);
    done += count;
  }
}

function truncated(file: string, end: number): InputError {
  return new InputError(`${file}: ends at byte ${end}: the file is truncated`);
}
