// Computes a unit's golden row from its layer and expert numbers, and the digest that names an answer's bits.
import { shortHash } from './hash.ts';

/**
 * The golden row of a unit, `[hidden]`. Its values are multiples of 2^-23 in [-1, 1), which float32 holds
 * exactly. Only integer arithmetic modulo 2^32 is used, so that every machine computes the same row.
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

/** Names an output `[hidden]` by its bits (float32, little-endian). */
export function goldenDigest(output: Float32Array): string {
  return shortHash(new Uint8Array(output.buffer, output.byteOffset, output.byteLength));
}
