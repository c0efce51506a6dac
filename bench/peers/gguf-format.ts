// Writes the GGUF v3 container: typed metadata, then tensors of float32 or Q4_0.
// Source: docs/gguf.md of ggml-org/ggml.
import { open } from 'node:fs/promises';

export type GgufValue =
  | { type: 'u32'; value: number }
  | { type: 'f32'; value: number }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string }
  | { type: 'strings'; value: readonly string[] }
  | { type: 'i32s'; value: readonly number[] };

export interface GgufTensor {
  name: string;
  /** Row-major, outermost dimension first, as in Hugging Face's files. The GGUF file has the opposite order. */
  shape: readonly number[];
  type?: TensorType;
  /** Little-endian float32, or blocks of 32 values along the innermost dimension. */
  read: () => Promise<Uint8Array>;
}

export type TensorType = 'f32' | 'q4_0';

const typeCode = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;

/** Code in the file, values and bytes of one block (ggml.h). */
export const tensorTypes = {
  f32: { code: 0, values: 1, bytes: 4 },
  q4_0: { code: 2, values: 32, bytes: 18 },
} as const;
const alignment = 32;

/** Writes the file; tensors are read one after another, so that memory holds one at a time. */
export async function writeGguf(
  path: string,
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Promise<void> {
  const entries = Object.entries(metadata);
  const parts = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(entries.length)];
  for (const [key, value] of entries) parts.push(text(key), encodeValue(value));
  let offset = 0;
  for (const { name, shape, type = 'f32' } of tensors) {
    parts.push(
      text(name),
      u32(shape.length),
      ...shape.toReversed().map(u64),
      u32(tensorTypes[type].code),
      u64(offset),
    );
    offset += padded(bytesOf(shape, type));
  }
  const header = Buffer.concat(parts);
  const file = await open(path, 'w');
  try {
    await file.write(header);
    await file.write(Buffer.alloc(padded(header.length) - header.length));
    for (const { name, shape, type = 'f32', read } of tensors) {
      const bytes = await read();
      const expected = bytesOf(shape, type);
      if (bytes.length !== expected) throw new Error(`${name}: ${bytes.length} bytes, not ${expected}`);
      await file.write(bytes);
      await file.write(Buffer.alloc(padded(bytes.length) - bytes.length));
    }
  } finally {
    await file.close();
  }
}

function bytesOf(shape: readonly number[], type: TensorType): number {
  const { values, bytes } = tensorTypes[type];
  const count = shape.reduce((product, length) => product * length, 1);
  if ((shape.at(-1) ?? 0) % values !== 0) throw new Error(`[${shape}] has no whole blocks of ${values}`);
  return (count / values) * bytes;
}

function padded(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}

function encodeValue(entry: GgufValue): Buffer {
  switch (entry.type) {
    case 'u32':
      return Buffer.concat([u32(typeCode.u32), u32(entry.value)]);
    case 'f32':
      return Buffer.concat([u32(typeCode.f32), f32(entry.value)]);
    case 'bool':
      return Buffer.concat([u32(typeCode.bool), Buffer.from([entry.value ? 1 : 0])]);
    case 'string':
      return Buffer.concat([u32(typeCode.string), text(entry.value)]);
    case 'strings':
      return array(typeCode.string, entry.value.map(text));
    case 'i32s':
      return array(typeCode.i32, entry.value.map(i32));
  }
}

function array(type: number, items: readonly Buffer[]): Buffer {
  return Buffer.concat([u32(typeCode.array), u32(type), u64(items.length), ...items]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}
