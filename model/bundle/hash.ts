// The hashes in a bundle's manifest.
import { createHash } from 'node:crypto';

/** The hash of a tensor, an expert or a file: the first 128 bits of SHA-256 over all parts, in hex. */
export function shortHash(...parts: Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return shorten(hash.digest('hex'));
}

export function shorten(hex: string): string {
  return hex.slice(0, 32);
}

/** The hash of a whole source or bundle: `sha256:` and 64 hex digits, over lines that each end in a newline. */
export function hashLines(lines: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const line of lines) hash.update(`${line}\n`);
  return `sha256:${hash.digest('hex')}`;
}

/** The hash of a text: `sha256:` and 64 hex digits. */
export function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** JSON without spaces, in which the keys of every object are sorted by code units. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
