// Widens the plain floats of a GGUF file: F32, F16 and BF16.
import { halfToNumber } from '../../floats.ts';

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** A tensor's bytes may begin at any byte of a buffer, so that typed arrays cannot always view them. */
export function f32(bytes: Uint8Array, out: Float32Array): void {
  new Uint8Array(out.buffer, out.byteOffset, bytes.length).set(bytes);
}

export function f16(bytes: Uint8Array, out: Float32Array): void {
  for (let i = 0, at = 0; at < bytes.length; i++, at += 2) out[i] = halfAt(bytes, at);
}

export function bf16(bytes: Uint8Array, out: Float32Array): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0, at = 0; at < bytes.length; i++, at += 2) {
    bits[i] = (bytes[at]! << 16) | (bytes[at + 1]! << 24);
  }
}

/** The float16 at a byte. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return halfToNumber(bytes[at]! | (bytes[at + 1]! << 8));
}

/** The float32 with these bits. */
export function floatOf(bits: number): number {
  word[0] = bits;
  return float[0]!;
}
