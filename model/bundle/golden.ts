// Computes the numbers of golden rows, and the digest of an answer's bits.
import { shortHash } from './hash.ts';

/**
 * A row `[hidden]` that depends only on `layer` and `expert`. Its values are multiples of 2^-23 in [-1, 1), which are exact in
 * float32. Only integer arithmetic modulo 2^32 is used, so that every machine computes the same row.
 */
export function goldenInput(layer: number, expert: number, hidden: number): Float32Array {
  const unit = scramble(Math.imul(layer, 65_537) + expert + 1);
  return Float32Array.from({ length: hidden }, (_, i) => {
    return (scramble(unit + Math.imul(i, 0x9e3779b9)) >>> 8) / 2 ** 23 - 1;
  });
}

/** A 32-bit mix in which every input bit reaches every output bit. */
function scramble(word: number): number {
  let x = word | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/** The hash of an output's bits (float32, little-endian). */
export function goldenDigest(output: Float32Array): string {
  return shortHash(new Uint8Array(output.buffer, output.byteOffset, output.byteLength));
}
