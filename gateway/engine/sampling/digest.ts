// The digest of a row of logits, which requests may ask for. Equal digests mean equal bits.
import { createHash } from 'node:crypto';
import type { Rows } from '../../../model/devices/dense.ts';

/** 64 bits of SHA-256 over the row's bytes. */
export function digestOf(row: Rows): string {
  const bytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}
