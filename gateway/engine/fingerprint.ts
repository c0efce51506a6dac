// Computes `system_fingerprint`, a hash of the parts of the system that decide the bits of an answer. Pure.
import { createHash } from 'node:crypto';

/** Two fingerprints are equal if checkpoint, bundle and all numerics classes in use are equal. */
export function fingerprint(parts: {
  identity: string;
  content: string;
  dense: string;
  /** Numerics classes of the connected shards. */
  experts: readonly string[];
}): string {
  const { identity, content, dense, experts } = parts;
  const named = JSON.stringify([identity, content, dense, [...experts].sort()]);
  return `fp_${createHash('sha256').update(named).digest('hex').slice(0, 12)}`;
}
