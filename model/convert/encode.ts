// Encodes floats to the bytes that a bundle stores. Requires a little-endian host.
import { narrowHalf } from '../floats.ts';
import type { Matrix } from '../tensor.ts';
import { isTiled, matrixBytes, quantizeInto } from '../tiles.ts';

/** Writes `values [rows, cols]` to the matrix's `data`, which has exactly the right length. */
export function encode(values: Float32Array, matrix: Matrix): void {
  const { encoding, rows, cols, data } = matrix;
  if (data.length !== matrixBytes(encoding, rows, cols))
    throw new RangeError('the output has the wrong length');
  if (isTiled(encoding)) quantizeInto(values, { ...matrix, encoding });
  else if (encoding === 'f32') data.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  else encodeHalves(values, encoding, data);
}

function encodeHalves(values: Float32Array, encoding: 'f16' | 'bf16', out: Uint8Array): void {
  const words = new Uint16Array(out.buffer, out.byteOffset, values.length);
  if (encoding === 'bf16') {
    // Only values of a bfloat16 source are encoded as bfloat16, so the upper half of each float32 is the exact value.
    const halves = new Uint16Array(values.buffer, values.byteOffset, values.length * 2);
    for (let i = 0; i < words.length; i++) words[i] = halves[2 * i + 1]!;
    return;
  }
  narrowHalf(values, words);
  const overflow = words.findIndex((word) => (word & 0x7c00) === 0x7c00);
  if (overflow !== -1)
    throw new RangeError(`holds ${values[overflow]}, which float16 cannot: convert at 32, 8, 6 or 4 bits`);
}
