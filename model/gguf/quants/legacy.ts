// Dequantises GGUF's formats with blocks of 32 values and one scale a block: Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0. Source: ggml-common.h.
// Byte j of a block has value j in its low four bits and value j + 16 in its high four bits.
//
// All products here are exact in float64 and their sums are rounded once, to float32. This gives the bits of ggml's float32 arithmetic,
// because a float16 scale times a small integer is exact in float32 too.
import { halfAt } from './float.ts';

export function q4_0(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0, o = 0; block < bytes.length; block += 18, o += 32) {
    const scale = halfAt(bytes, block);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[block + 2 + j]!;
      out[o + j] = scale * ((pair & 15) - 8);
      out[o + j + 16] = scale * ((pair >> 4) - 8);
    }
  }
}

export function q4_1(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0, o = 0; block < bytes.length; block += 20, o += 32) {
    const scale = halfAt(bytes, block);
    const least = halfAt(bytes, block + 2);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[block + 4 + j]!;
      out[o + j] = scale * (pair & 15) + least;
      out[o + j + 16] = scale * (pair >> 4) + least;
    }
  }
}

/** Bit j of the 32 high bits belongs to value j. */
export function q5_0(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0, o = 0; block < bytes.length; block += 22, o += 32) {
    const scale = halfAt(bytes, block);
    const [low, high] = highBits(bytes, block + 2);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[block + 6 + j]!;
      out[o + j] = scale * (((pair & 15) | (((low >> j) & 1) << 4)) - 16);
      out[o + j + 16] = scale * (((pair >> 4) | (((high >> j) & 1) << 4)) - 16);
    }
  }
}

export function q5_1(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0, o = 0; block < bytes.length; block += 24, o += 32) {
    const scale = halfAt(bytes, block);
    const least = halfAt(bytes, block + 2);
    const [low, high] = highBits(bytes, block + 4);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[block + 8 + j]!;
      out[o + j] = scale * ((pair & 15) | (((low >> j) & 1) << 4)) + least;
      out[o + j + 16] = scale * ((pair >> 4) | (((high >> j) & 1) << 4)) + least;
    }
  }
}

function highBits(bytes: Uint8Array, at: number): [low: number, high: number] {
  return [bytes[at]! | (bytes[at + 1]! << 8), bytes[at + 2]! | (bytes[at + 3]! << 8)];
}

export function q8_0(bytes: Uint8Array, out: Float32Array): void {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let block = 0, o = 0; block < bytes.length; block += 34, o += 32) {
    const scale = halfAt(bytes, block);
    for (let j = 0; j < 32; j++) out[o + j] = scale * signed[block + 2 + j]!;
  }
}
