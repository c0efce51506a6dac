// Reads rows of a tensor from its storage. A tensor's rows may be some of the storage's rows, in another order. Pure, apart from
// the reads that it is given.
import { adjacentRow } from '../../config/rope.ts';
import { readQuantised } from '../../quantised/strips/read-quantised.ts';
import { readGguf } from './gguf.ts';
import { readPlain } from './plain.ts';
import type { ReadBytes, Storage, Strip, StripReader } from './storage.ts';

/** Which row of the storage a row of the tensor is: `first + step * row`, after `pairs` has reordered the rows of each head. */
export interface RowMap {
  first?: number;
  step?: number;
  /**
   * The storage has the two values of a rotated pair in adjacent rows. The tensor has them half of the rotated rows apart. Rows
   * from `rotary` on of each head of `headDim` rows keep their places.
   */
  pairs?: { headDim: number; rotary: number };
}

type Readers = { [K in Storage['kind']]: StripReader<Extract<Storage, { kind: K }>> };

const readers: Readers = { plain: readPlain, quantised: readQuantised, gguf: readGguf };

function readStorage(storage: Storage, strip: Strip, read: ReadBytes, out: Float32Array): void {
  const reader = readers[storage.kind] as StripReader<Storage>;
  reader(storage, strip, read, out);
}

/** The row of the storage that is row `row` of the tensor. */
function sourceRow(row: number, { first = 0, step = 1, pairs }: RowMap): number {
  return first + step * (pairs === undefined ? row : adjacentRow(row, pairs));
}

/**
 * Writes `strip.count` rows of the tensor to `out [count, cols]`. Reads the range of the storage's rows that has all of them,
 * which is at most a few times as large.
 */
export function readStrip(
  { storage, rows }: { storage: Storage; rows?: RowMap },
  strip: Strip,
  read: ReadBytes,
  out: Float32Array,
): void {
  if (rows === undefined) {
    readStorage(storage, strip, read, out);
    return;
  }
  const { cols } = storage;
  const from = Array.from({ length: strip.count }, (_, i) => sourceRow(strip.first + i, rows));
  const low = from.reduce((a, b) => Math.min(a, b));
  const high = from.reduce((a, b) => Math.max(a, b));
  const range = new Float32Array((high - low + 1) * cols);
  readStorage(storage, { first: low, count: high - low + 1 }, read, range);
  for (const [i, row] of from.entries()) {
    out.set(range.subarray((row - low) * cols, (row - low + 1) * cols), i * cols);
  }
}
