// Builds the bytes of small GGUF files with any value types, also wrong ones.

type Part = Buffer;

const fixed = (size: number, write: (bytes: Buffer) => void): Part => {
  const bytes = Buffer.alloc(size);
  write(bytes);
  return bytes;
};

export const u32 = (value: number) => fixed(4, (bytes) => bytes.writeUInt32LE(value));
export const u64 = (value: number | bigint) => fixed(8, (bytes) => bytes.writeBigUInt64LE(BigInt(value)));
export const text = (value: string | Buffer) => {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
};

/** The bytes of a value with its type. */
export const values = {
  u8: (value: number) => Buffer.concat([u32(0), Buffer.of(value)]),
  i8: (value: number) => Buffer.concat([u32(1), fixed(1, (bytes) => bytes.writeInt8(value))]),
  u16: (value: number) => Buffer.concat([u32(2), fixed(2, (bytes) => bytes.writeUInt16LE(value))]),
  i16: (value: number) => Buffer.concat([u32(3), fixed(2, (bytes) => bytes.writeInt16LE(value))]),
  u32: (value: number) => Buffer.concat([u32(4), u32(value)]),
  i32: (value: number) => Buffer.concat([u32(5), fixed(4, (bytes) => bytes.writeInt32LE(value))]),
  f32: (value: number) => Buffer.concat([u32(6), fixed(4, (bytes) => bytes.writeFloatLE(value))]),
  bool: (value: number) => Buffer.concat([u32(7), Buffer.of(value)]),
  string: (value: string | Buffer) => Buffer.concat([u32(8), text(value)]),
  u64: (value: number | bigint) => Buffer.concat([u32(10), u64(value)]),
  i64: (value: bigint) => Buffer.concat([u32(11), fixed(8, (bytes) => bytes.writeBigInt64LE(value))]),
  f64: (value: number) => Buffer.concat([u32(12), fixed(8, (bytes) => bytes.writeDoubleLE(value))]),
  strings: (value: readonly string[]) =>
    Buffer.concat([u32(9), u32(8), u64(value.length), ...value.map(text)]),
  i32s: (value: readonly number[]) => {
    const items = value.map((each) => fixed(4, (bytes) => bytes.writeInt32LE(each)));
    return Buffer.concat([u32(9), u32(5), u64(value.length), ...items]);
  },
  f32s: (value: readonly number[]) => {
    const items = value.map((each) => fixed(4, (bytes) => bytes.writeFloatLE(each)));
    return Buffer.concat([u32(9), u32(6), u64(value.length), ...items]);
  },
};

export interface TensorPart {
  name: string;
  /** Innermost dimension first, as in the file. */
  dimensions: readonly (number | bigint)[];
  type: number;
  offset?: number;
  data: Buffer;
}

export interface FileParts {
  version?: number;
  keys?: readonly (readonly [key: string | Buffer, value: Buffer])[];
  tensors?: readonly TensorPart[];
  alignment?: number;
}

/** A whole file. Tensors without an offset follow each other. */
export function ggufBytes({ version = 3, keys = [], tensors = [], alignment = 32 }: FileParts): Buffer {
  let end = 0;
  const placed = tensors.map(({ offset = end, ...tensor }) => {
    end = pad(offset + tensor.data.length, alignment);
    return { ...tensor, offset };
  });
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    u32(version),
    u64(tensors.length),
    u64(keys.length),
    ...keys.flatMap(([key, value]) => [text(key), value]),
    ...placed.flatMap(({ name, dimensions, type, offset }) => [
      text(name),
      u32(dimensions.length),
      ...dimensions.map(u64),
      u32(type),
      u64(offset),
    ]),
  ]);
  const start = pad(header.length, alignment);
  const file = Buffer.alloc(start + end);
  header.copy(file);
  for (const { offset, data } of placed) data.copy(file, start + offset);
  return file;
}

function pad(length: number, alignment: number): number {
  return Math.ceil(length / alignment) * alignment;
}
