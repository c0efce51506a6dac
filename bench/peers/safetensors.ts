// Reads float32 tensors of a Hugging Face directory by name. It does not use the reader in model/, so that llama.cpp's
// results also check that reader.
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface StoredTensor {
  shape: number[];
  /** Little-endian float32. */
  read: () => Promise<Uint8Array>;
}

interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** All tensors of all *.safetensors files. Throws if a tensor is neither F32 nor BF16. */
export async function readTensors(dir: string): Promise<Map<string, StoredTensor>> {
  const tensors = new Map<string, StoredTensor>();
  for (const name of (await readdir(dir)).filter((file) => file.endsWith('.safetensors')).sort()) {
    const path = join(dir, name);
    const { header, start } = await readHeader(path);
    for (const [tensor, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
      if (tensor === '__metadata__') continue;
      if (dtype !== 'F32' && dtype !== 'BF16')
        throw new Error(`${name}: ${tensor} is ${dtype}, not F32 or BF16`);
      const read = async () => {
        const bytes = await readRange(path, start + offsets[0], offsets[1] - offsets[0]);
        return dtype === 'F32' ? bytes : widen(bytes);
      };
      tensors.set(tensor, { shape, read });
    }
  }
  return tensors;
}

async function readHeader(path: string): Promise<{ header: Record<string, HeaderEntry>; start: number }> {
  const length = Number((await readRange(path, 0, 8)).readBigUInt64LE());
  const header: Record<string, HeaderEntry> = JSON.parse((await readRange(path, 8, length)).toString());
  return { header, start: 8 + length };
}

async function readRange(path: string, position: number, length: number): Promise<Buffer> {
  const file: FileHandle = await open(path);
  try {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, position);
    if (bytesRead !== length) throw new Error(`${path}: ends ${length - bytesRead} bytes early`);
    return buffer;
  } finally {
    await file.close();
  }
}

/** Converts bfloat16 to float32. A bfloat16 is the upper half of a float32. */
function widen(halves: Buffer): Buffer {
  const wide = Buffer.alloc(halves.length * 2);
  for (let i = 0; i < halves.length; i += 2) wide.writeUInt16LE(halves.readUInt16LE(i), i * 2 + 2);
  return wide;
}
