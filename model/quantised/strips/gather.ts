// Reads the pieces of a strip from a file. Small pieces that lie close together are picked from larger reads.
import type { ReadBytes } from '../../convert/storage/storage.ts';
import type { Pieces } from './reads.ts';

/** Most bytes of one read from which pieces are picked. */
const WINDOW_BYTES = 1 << 20;

/** A read takes about as long as copying this many bytes, so that pieces with smaller gaps are read together. */
const CALL_BYTES = 8 << 10;

let gathered = new Uint8Array(0);

/** The bytes of all pieces, without gaps. The result is aligned like a read's, and is valid until the next read or call. */
export function gather({ path, start, bytes, count, stride }: Pieces, read: ReadBytes): Uint8Array {
  if (count === 1 || stride === bytes) return read(path, start, bytes * count);
  if (gathered.length < bytes * count) gathered = new Uint8Array(bytes * count);
  const atOnce = stride - bytes > CALL_BYTES ? 1 : Math.max(1, Math.floor(WINDOW_BYTES / stride));
  for (let from = 0; from < count; from += atOnce) {
    const here = Math.min(atOnce, count - from);
    const window = read(path, start + from * stride, (here - 1) * stride + bytes);
    for (let i = 0; i < here; i++) {
      gathered.set(window.subarray(i * stride, i * stride + bytes), (from + i) * bytes);
    }
  }
  return gathered.subarray(0, bytes * count);
}
