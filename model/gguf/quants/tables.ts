// Dequantises GGUF's formats whose 4-bit values are indices into a table: IQ4_NL, IQ4_XS and MXFP4. Source: ggml-common.h.
import { floatOf, halfAt } from './float.ts';

const nonLinear = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

/** Twice the values of the format E2M1. Like ggml, it has no negative zero. */
const e2m1 = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

/** Sixteen bytes at `at` become 32 values at `to`. Byte j has value j in its low bits and value j + 16 in its high bits. */
function look(
  table: Int8Array,
  scale: number,
  from: { bytes: Uint8Array; at: number },
  into: { out: Float32Array; to: number },
): void {
  const { bytes, at } = from;
  const { out, to } = into;
  for (let j = 0; j < 16; j++) {
    const pair = bytes[at + j]!;
    out[to + j] = scale * table[pair & 15]!;
    out[to + j + 16] = scale * table[pair >> 4]!;
  }
}

export function iq4nl(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0, to = 0; block < bytes.length; block += 18, to += 32) {
    look(nonLinear, halfAt(bytes, block), { bytes, at: block + 2 }, { out, to });
  }
}

/** d, 2 high bits of each of 8 scales, 4 low bits of each, then 8 sub-blocks of 32 values. */
export function iq4xs(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0, to = 0; block < bytes.length; block += 136) {
    const d = halfAt(bytes, block);
    const high = bytes[block + 2]! | (bytes[block + 3]! << 8);
    for (let i = 0; i < 8; i++, to += 32) {
      const low = (bytes[block + 4 + (i >> 1)]! >> ((i & 1) * 4)) & 15;
      const scale = d * ((low | (((high >> (i * 2)) & 3) << 4)) - 32);
      look(nonLinear, scale, { bytes, at: block + 8 + i * 16 }, { out, to });
    }
  }
}

/** A byte with the exponent of a power of two, then 32 values of E2M1. The scale is half that power, because `e2m1` is doubled. */
export function mxfp4(bytes: Uint8Array, out: Float32Array): void {
  for (let block = 0, to = 0; block < bytes.length; block += 17, to += 32) {
    const exponent = bytes[block]!;
    const scale = floatOf(exponent < 2 ? 0x00200000 << exponent : (exponent - 1) << 23);
    look(e2m1, scale, { bytes, at: block + 1 }, { out, to });
  }
}
