// Strips of matrices in GGUF files, in any of the types that model/gguf/dequantise.ts reads.
import { firstNonFinite } from '../../../base/finite.ts';
import { bytesOf, dequantise } from '../../gguf/dequantise.ts';
import type { StripReader } from './storage.ts';

/** Rows of whole blocks, one after another. */
export interface GgufStorage {
  kind: 'gguf';
  path: string;
  /** Byte of the file at which the matrix starts. */
  start: number;
  /** A name of model/gguf/types.ts, such as `Q4_K`. */
  type: string;
  rows: number;
  cols: number;
}

export const readGguf: StripReader<GgufStorage> = (
  { path, start, type, cols },
  { first, count },
  read,
  out,
) => {
  const rowBytes = bytesOf(type, cols);
  dequantise(type, read(path, start + first * rowBytes, count * rowBytes), out.subarray(0, count * cols));
  const bad = firstNonFinite(out);
  if (bad !== undefined) throw new RangeError(`holds ${out[bad]} at element ${bad} of a slice`);
};
