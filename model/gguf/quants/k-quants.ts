// Dequantises GGUF's K-quants: super-blocks of 256 values in sub-blocks of 16 or 32, whose scales are quantised too.
// Source: ggml-common.h and ggml-quants.c. As in legacy.ts, the bits are those of ggml's float32 arithmetic.
import { floatOf, halfAt } from './float.ts';

/** 16 scale bytes (scale low, minimum high), 64 bytes of 2-bit values, d, dmin. Sub-blocks of 16. */
export function q2k(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0, o = 0; block < bytes.length; block += 84) {
    const d = halfAt(bytes, block + 80);
    const dmin = halfAt(bytes, block + 82);
    for (let half = 0; half < 2; half++) {
      for (let shift = 0; shift < 8; shift += 2) {
        for (let side = 0; side < 2; side++) {
          const packed = bytes[block + half * 8 + shift + side]!;
          const scale = d * (packed & 15);
          const least = dmin * (packed >> 4);
          const at = block + 16 + half * 32 + side * 16;
          for (let j = 0; j < 16; j++) out[o++] = scale * ((bytes[at + j]! >> shift) & 3) - least;
        }
      }
    }
  }
}

/** 32 bytes of third bits, 64 bytes of 2-bit values, 12 bytes with 16 scales of 6 bits, d. Sub-blocks of 16. */
export function q3k(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0, o = 0; block < bytes.length; block += 110) {
    const d = halfAt(bytes, block + 108);
    for (let half = 0; half < 2; half++) {
      for (let quarter = 0; quarter < 4; quarter++) {
        const mask = 1 << (half * 4 + quarter);
        for (let side = 0; side < 2; side++) {
          const scale = d * (scale6(bytes, block + 96, half * 8 + quarter * 2 + side) - 32);
          const at = block + 32 + half * 32 + side * 16;
          for (let j = 0; j < 16; j++) {
            const low = (bytes[at + j]! >> (quarter * 2)) & 3;
            out[o++] = scale * ((bytes[block + side * 16 + j]! & mask) === 0 ? low - 4 : low);
          }
        }
      }
    }
  }
}

/** Scale `i` of Q3_K: four bits are in the first eight bytes, and two more in the last four. */
function scale6(bytes: Uint8Array, at: number, i: number): number {
  const low = bytes[at + (i & 7)]! >> (i < 8 ? 0 : 4);
  const high = bytes[at + 8 + (i & 3)]! >> ((i >> 2) * 2);
  return (low & 15) | ((high & 3) << 4);
}

/** d, dmin, 12 bytes with 8 scales and 8 minima of 6 bits, 128 bytes of 4-bit values. Sub-blocks of 32. */
export function q4k(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0, o = 0; block < bytes.length; block += 144, o += 256) {
    const d = halfAt(bytes, block);
    const dmin = halfAt(bytes, block + 2);
    for (let pair = 0; pair < 4; pair++) {
      const scale = d * subScale(bytes, block + 4, pair * 2);
      const least = dmin * subLeast(bytes, block + 4, pair * 2);
      const scale2 = d * subScale(bytes, block + 4, pair * 2 + 1);
      const least2 = dmin * subLeast(bytes, block + 4, pair * 2 + 1);
      const at = block + 16 + pair * 32;
      const to = o + pair * 64;
      for (let j = 0; j < 32; j++) {
        const both = bytes[at + j]!;
        out[to + j] = scale * (both & 15) - least;
        out[to + j + 32] = scale2 * (both >> 4) - least2;
      }
    }
  }
}

/** Like Q4_K, with 32 bytes of fifth bits before the values. */
export function q5k(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0, o = 0; block < bytes.length; block += 176, o += 256) {
    const d = halfAt(bytes, block);
    const dmin = halfAt(bytes, block + 2);
    for (let pair = 0; pair < 4; pair++) {
      const scale = d * subScale(bytes, block + 4, pair * 2);
      const least = dmin * subLeast(bytes, block + 4, pair * 2);
      const scale2 = d * subScale(bytes, block + 4, pair * 2 + 1);
      const least2 = dmin * subLeast(bytes, block + 4, pair * 2 + 1);
      const at = block + 48 + pair * 32;
      const to = o + pair * 64;
      for (let j = 0; j < 32; j++) {
        const both = bytes[at + j]!;
        const fifth = bytes[block + 16 + j]! >> (pair * 2);
        out[to + j] = scale * ((both & 15) | ((fifth & 1) << 4)) - least;
        out[to + j + 32] = scale2 * ((both >> 4) | ((fifth & 2) << 3)) - least2;
      }
    }
  }
}

/** Scale `i` of Q4_K and Q5_K: six low bits of byte i, or four bits of byte i + 4 and two high bits of byte i - 4. */
function subScale(bytes: Uint8Array, at: number, i: number): number {
  if (i < 4) return bytes[at + i]! & 63;
  return (bytes[at + i + 4]! & 15) | ((bytes[at + i - 4]! >> 6) << 4);
}

function subLeast(bytes: Uint8Array, at: number, i: number): number {
  if (i < 4) return bytes[at + i + 4]! & 63;
  return (bytes[at + i + 4]! >> 4) | ((bytes[at + i]! >> 6) << 4);
}

/** 128 bytes of four low bits, 64 bytes of two high bits, 16 signed scales, d. Sub-blocks of 16. */
export function q6k(bytes: Uint8Array, out: Float32Array): void {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let block = 0, o = 0; block < bytes.length; block += 210, o += 256) {
    const d = halfAt(bytes, block + 208);
    for (let half = 0; half < 2; half++) {
      for (let side = 0; side < 2; side++) {
        const scales = block + 192 + half * 8 + side;
        const [s0, s1] = [d * signed[scales]!, d * signed[scales + 2]!];
        const [s2, s3] = [d * signed[scales + 4]!, d * signed[scales + 6]!];
        const low = block + half * 64 + side * 16;
        const high = block + 128 + half * 32 + side * 16;
        const to = o + half * 128 + side * 16;
        for (let j = 0; j < 16; j++) {
          const [a, b, bits] = [bytes[low + j]!, bytes[low + j + 32]!, bytes[high + j]!];
          out[to + j] = s0 * (((a & 15) | ((bits & 3) << 4)) - 32);
          out[to + j + 32] = s1 * (((b & 15) | ((bits & 12) << 2)) - 32);
          out[to + j + 64] = s2 * (((a >> 4) | (bits & 48)) - 32);
          out[to + j + 96] = s3 * (((b >> 4) | ((bits & 192) >> 2)) - 32);
        }
      }
    }
  }
}

/** A float32 scale, 256 signed bytes, and sums that only products need. */
export function q8k(bytes: Uint8Array, out: Float32Array): void {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let block = 0, o = 0; block < bytes.length; block += 292, o += 256) {
    const word =
      bytes[block]! | (bytes[block + 1]! << 8) | (bytes[block + 2]! << 16) | (bytes[block + 3]! << 24);
    const scale = floatOf(word);
    for (let j = 0; j < 256; j++) out[o + j] = scale * signed[block + 4 + j]!;
  }
}
