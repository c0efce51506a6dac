// Strips of plain float matrices.
import { firstNonFinite } from '../../../base/finite.ts';
import { widenBrain, widenHalf } from '../../floats.ts';
import type { FloatDtype } from '../task.ts';
import type { PlainStorage, ReadBytes, Strip, StripReader } from './storage.ts';

export const floatWidth: Readonly<Record<FloatDtype, number>> = { F32: 4, F16: 2, BF16: 2 };

/** Widens little-endian source bytes, which must be aligned to their type, into `out`. Throws a RangeError on NaN and infinity. */
export function decode(bytes: Uint8Array, dtype: FloatDtype, out: Float32Array): void {
  if (dtype === 'F32') out.set(new Float32Array(bytes.buffer, bytes.byteOffset, out.length));
  else {
    const words = new Uint16Array(bytes.buffer, bytes.byteOffset, out.length);
    if (dtype === 'F16') widenHalf(words, out);
    else widenBrain(words, out);
  }
  const bad = firstNonFinite(out);
  if (bad !== undefined) throw new RangeError(`holds ${out[bad]} at element ${bad} of a slice`);
}

export const readPlain: StripReader<PlainStorage> = (storage, strip, read, out) => {
  if (storage.transposed) return readTransposed(storage, strip, read, out);
  const { path, start, dtype, cols } = storage;
  const rowBytes = cols * floatWidth[dtype];
  decode(read(path, start + strip.first * rowBytes, strip.count * rowBytes), dtype, out);
};

/** Each of the file's rows has one value of each row of the strip, in consecutive bytes. */
function readTransposed(
  { path, start, dtype, rows, cols }: PlainStorage,
  { first, count }: Strip,
  read: ReadBytes,
  out: Float32Array,
): void {
  const width = floatWidth[dtype];
  const values = new Float32Array(count);
  for (let col = 0; col < cols; col++) {
    decode(read(path, start + (col * rows + first) * width, count * width), dtype, values);
    for (let row = 0; row < count; row++) out[row * cols + col] = values[row]!;
  }
}
