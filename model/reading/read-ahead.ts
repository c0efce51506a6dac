// Reads ranges of a bundle's files and checks their hashes, in a thread of its own, so that they are in the page cache
// when a device computes on the mapped files. Knows no device and no thread.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { HashedRange } from '../bundle/bundle.ts';
import { damaged } from '../bundle/files.ts';
import { shorten } from '../bundle/hash.ts';
import { InputError } from '../errors.ts';
import type { Reading } from './traffic.ts';

/** Bytes between two looks at the traffic: hashing them takes about 0.2 ms. */
const PIECE = 256 * 1024;

export interface ReadAheadOptions {
  traffic: Pick<Reading, 'stopped' | 'giveWay'>;
  /** Called with the index of each range that is sound, in order. */
  onSound: (index: number) => void;
  /** Of ranges that were read and checked elsewhere: they are not read again. */
  isSound?: (index: number) => boolean;
}

/** In order; throws at the first damaged range, naming file and what it is; ends early when told to stop. */
export function readAhead(
  ranges: readonly HashedRange[],
  { traffic, onSound, isSound = () => false }: ReadAheadOptions,
): void {
  const buffer = Buffer.allocUnsafeSlow(PIECE);
  let open: { path: string; file: number } | undefined;
  try {
    for (const [index, range] of ranges.entries()) {
      if (traffic.stopped) return;
      if (isSound(index)) {
        onSound(index);
        continue;
      }
      if (open?.path !== range.path) {
        if (open !== undefined) closeSync(open.file);
        open = undefined;
        open = { path: range.path, file: openSync(range.path, 'r') };
      }
      const hash = hashRange(open.file, range, buffer, traffic);
      if (hash === undefined) return;
      if (hash !== range.hash) throw damaged(range.path, range.what);
      onSound(index);
    }
  } finally {
    if (open !== undefined) closeSync(open.file);
  }
}

/** Undefined where it was told to stop. */
function hashRange(
  file: number,
  { path, offset, bytes }: HashedRange,
  buffer: Buffer,
  traffic: ReadAheadOptions['traffic'],
): string | undefined {
  const hash = createHash('sha256');
  for (let done = 0; done < bytes; ) {
    if (traffic.stopped) return undefined;
    const read = readSync(file, buffer, 0, Math.min(PIECE, bytes - done), offset + done);
    if (read === 0) throw new InputError(`${path}: ends at byte ${offset + done}: the file is truncated`);
    const startedAt = performance.now();
    hash.update(read === PIECE ? buffer : buffer.subarray(0, read));
    traffic.giveWay(performance.now() - startedAt);
    done += read;
  }
  return shorten(hash.digest('hex'));
}
