// Compares the bytes of two tensors on disk. Checkpoints with tied embeddings often store the head as well.
import { open } from 'node:fs/promises';
import { readExactly } from '../reading/read-exactly.ts';
import type { SourceTensor } from './checkpoint.ts';

const SLICE_BYTES = 4 << 20;

export async function sameBytes(a: SourceTensor, b: SourceTensor): Promise<boolean> {
  if (a.bytes !== b.bytes || a.dtype !== b.dtype) return false;
  const [fileA, fileB] = [await open(a.path), await open(b.path)];
  try {
    for (let done = 0; done < a.bytes; done += SLICE_BYTES) {
      const length = Math.min(SLICE_BYTES, a.bytes - done);
      const [left, right] = [Buffer.alloc(length), Buffer.alloc(length)];
      await readExactly(fileA, left, a.start + done, a.path);
      await readExactly(fileB, right, b.start + done, b.path);
      if (!left.equals(right)) return false;
    }
    return true;
  } finally {
    await Promise.all([fileA.close(), fileB.close()]);
  }
}
