// Copies computed blocks out of one engine's KV memory and into that of another, so that the other engine need not compute them again.
import type { DenseDevice } from '../../../model/devices/dense.ts';
import type { KvPrefix } from '../messages.ts';
import type { Sequence } from '../sequence.ts';
import type { BlockPool } from './blocks.ts';

/** Most bytes of one piece. An engine computes nothing while it copies a piece, which takes a few milliseconds. */
const PIECE_BYTES = 16 * 2 ** 20;

interface Memory {
  dense: Pick<DenseDevice, 'kv' | 'pages'>;
  pool: BlockPool;
}

/**
 * The next blocks of a running sequence, from number `first` on. Undefined if no further block is full, if the device's blocks cannot be
 * read, or if they must not be shared.
 */
export function readPrefix(sequence: Sequence, first: number, { dense, pool }: Memory): KvPrefix | undefined {
  const { kv, pages } = dense;
  const { table, ids, computed, isShareable, request } = sequence;
  if (pages === undefined || !kv.shared || !isShareable) return undefined;
  const most = Math.max(1, Math.floor(PIECE_BYTES / kv.blockBytes));
  const end = Math.min(Math.floor(computed / pool.size), first + most);
  if (end <= first) return undefined;
  const blocks = table.blocks.slice(first, end).map((block) => pages.read(block));
  const bytes = new Uint8Array(blocks.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const block of blocks) {
    bytes.set(block, at);
    at += block.length;
  }
  const { cacheSalt = '', routing = {} } = request;
  const known = Int32Array.from(ids.slice(0, end * pool.size));
  return { ids: known, first, end, bytes, cacheSalt, routing };
}

/**
 * Adds the blocks to the prefix cache under `salt`. Returns whether the cache has all of them now. It has not if the blocks before them
 * are unknown, if there is no room, or if the bytes are not those of the blocks.
 */
export function writePrefix(
  { ids, first, end, bytes }: KvPrefix,
  salt: string,
  { dense, pool }: Memory,
): boolean {
  const { kv, pages } = dense;
  if (pages === undefined || !kv.shared) return false;
  const { blockBytes } = pages;
  if (ids.length !== end * pool.size || bytes.length !== (end - first) * blockBytes) return false;
  const all = Array.from(ids);
  const table = pool.open(all, { limit: all.length, salt });
  const { known } = table;
  if (known < first || !pool.grow(table, all.length)) {
    pool.release(table);
    return false;
  }
  for (let block = known; block < end; block++) {
    const at = (block - first) * blockBytes;
    pages.write(table.blocks[block]!, bytes.subarray(at, at + blockBytes));
  }
  pool.register(table, all, all.length, salt);
  pool.release(table);
  return true;
}
