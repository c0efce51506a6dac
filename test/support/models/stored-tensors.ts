// Stored tensors in memory, as if they were those of a safetensors file.
import type { ReadBytes } from '../../../model/convert/storage/storage.ts';
import type { FindStored, StoredTensor } from '../../../model/quantised/forms/stored.ts';
import { layOut, type TensorSpec } from '../../../model/safetensors.ts';

export interface StoredData {
  dtype: string;
  shape: readonly number[];
  data: Uint8Array;
}

/** Lays the tensors out in one file, `weights.safetensors`, which `read` reads. `reads` has the length of each read. */
export function storedTensors(tensors: Readonly<Record<string, StoredData>>) {
  const specs = Object.entries(tensors).map(
    ([name, { dtype, shape }]): TensorSpec => ({ name, dtype, shape }),
  );
  const { header, tensors: entries, bytes } = layOut(specs);
  const file = new Uint8Array(bytes);
  file.set(header);
  for (const [name, { data }] of Object.entries(tensors)) file.set(data, entries.get(name)!.start);
  const path = 'weights.safetensors';
  const find: FindStored = (name): StoredTensor | undefined => {
    const entry = entries.get(name);
    return entry && { ...entry, path };
  };
  const reads: number[] = [];
  const read: ReadBytes = (from, start, length) => {
    if (from !== path || start < 0 || start + length > bytes)
      throw new Error(`read beyond the file at ${start}`);
    reads.push(length);
    return file.slice(start, start + length);
  };
  return { find, read, reads, file };
}
