// Reads ranges of a bundle's files and checks their hashes. The ranges are then in the page cache when a device computes on
// the mapped files.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { HashedRange } from '../bundle/bundle.ts';
import { damaged } from '../bundle/files.ts';
import { shorten } from '../bundle/hash.ts';
import { InputError } from '../errors.ts';
import type { Reading } from './traffic.ts';

/** Bytes that are read before each check whether the serving thread is busy. Hashing them takes about 0.2 ms. */
const PIECE = 256 * 1024;

interface ReadAheadOptions {
  traffic: Pick<Reading, 'stopped' | 'giveWay'>;
  /** Gets the index of each sound range, in order. */
  onSound: (index: number) => void;
  /** Whether another thread has read and checked a range. It is then not read again. */
  isSound?: (index: number) => boolean;
}

/** Reads the ranges in order. Throws at the first damaged range; the error names it. Returns early if `traffic` is stopped. */
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

/** The range's short hash; undefined if `traffic` was stopped. */
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
