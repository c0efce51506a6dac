// Parses and lays out headers of safetensors files. A header has the tensors' names, types, shapes and offsets, and is followed
// by the tensors' bytes. Specification: github.com/huggingface/safetensors, "Format".
import { type FileHandle, open } from 'node:fs/promises';
import { InputError, tensorError } from './errors.ts';
import { readExactly } from './reading/read-exactly.ts';

/** Bytes of one element of each type in the format. */
const dtypeBytes: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
  C64: 8,
};

/** The largest header that is read. It is the reference implementation's limit. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Headers are padded to a multiple of this, so that the first tensor starts on a cache line. */
const ALIGNMENT = 64;

export interface TensorSpec {
  name: string;
  /** In the format's spelling: `F32`, `BF16`, `U8`, … */
  dtype: string;
  shape: readonly number[];
}

/** Where a tensor lies: `bytes` bytes of the file from `start`. */
export interface TensorEntry extends TensorSpec {
  start: number;
  bytes: number;
}

/** Entries of one file by name, in the order of their bytes. */
export type TensorMap = ReadonlyMap<string, TensorEntry>;

export function tensorBytes({ dtype, shape }: Pick<TensorSpec, 'dtype' | 'shape'>): number {
  const width = dtypeBytes[dtype];
  if (width === undefined) throw new RangeError(`unknown dtype ${dtype}`);
  return shape.reduce((product, length) => product * length, width);
}

/** Reads and checks a file's header. Throws an InputError that names file and tensor. */
export async function readTensorMap(handle: FileHandle, file: string): Promise<TensorMap> {
  const { header, size } = await readHeader(handle, file);
  return parseHeader(header, size, file);
}

/** The texts in a header's `__metadata__`. Empty if it has no such field. */
export async function readMetadata(
  handle: FileHandle,
  file: string,
): Promise<Readonly<Record<string, string>>> {
  const { header } = await readHeader(handle, file);
  return parseMetadata(header, file);
}

async function readHeader(handle: FileHandle, file: string): Promise<{ header: Buffer; size: number }> {
  const { size } = await handle.stat();
  const prefix = Buffer.alloc(Math.min(8, size));
  await readExactly(handle, prefix, 0, file);
  const header = Buffer.alloc(headerLength(prefix, size, file));
  await readExactly(handle, header, 8, file);
  return { header, size };
}

/** `prefix` has the first 8 bytes of a file of `size` bytes. */
function headerLength(prefix: Buffer, size: number, file: string): number {
  if (size < 8) throw new InputError(`${file}: has ${size} bytes, too few for a safetensors file`);
  const length = prefix.readBigUInt64LE();
  if (length > BigInt(Math.min(size - 8, MAX_HEADER_BYTES))) {
    throw new InputError(
      `${file}: its header claims ${length} bytes; the file has ${size}, and a header at most ${MAX_HEADER_BYTES}: truncated, or not a safetensors file`,
    );
  }
  return Number(length);
}

/** Like `readTensorMap`, for a file that is not open. `file` names it in errors. */
export async function loadTensorMap(path: string, file: string): Promise<TensorMap> {
  const handle = await open(path);
  try {
    return await readTensorMap(handle, file);
  } finally {
    await handle.close();
  }
}

/** Parses and checks the header of a file in memory. */
export function parseFile(
  bytes: Buffer,
  file: string,
): { tensors: TensorMap; metadata: Readonly<Record<string, string>> } {
  const header = bytes.subarray(8, 8 + headerLength(bytes, bytes.length, file));
  return { tensors: parseHeader(header, bytes.length, file), metadata: parseMetadata(header, file) };
}

/** Parses the JSON part of the header of a file of `fileBytes` bytes. The tensors must fill the rest of the file exactly. */
export function parseHeader(header: Uint8Array, fileBytes: number, file: string): TensorMap {
  const body = 8 + header.length;
  const entries = Object.entries(parseObject(header, file))
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => parseEntry(name, value, body, fileBytes, file))
    .sort((a, b) => a.start - b.start || a.bytes - b.bytes);
  let end = body;
  let previous: TensorEntry | undefined;
  for (const entry of entries) {
    if (entry.start < end) {
      throw tensorError(file, entry.name, `overlaps tensor ${previous?.name ?? 'the header'}`);
    }
    if (entry.start > end) {
      const gap = entry.start - end;
      throw tensorError(file, entry.name, `starts ${gap} bytes after the end of the tensor before it`);
    }
    end = entry.start + entry.bytes;
    previous = entry;
  }
  if (end !== fileBytes)
    throw new InputError(`${file}: has ${fileBytes - end} bytes that belong to no tensor`);
  return new Map(entries.map((entry) => [entry.name, entry]));
}

function parseMetadata(header: Uint8Array, file: string): Readonly<Record<string, string>> {
  const { __metadata__: metadata = {} }: { __metadata__?: unknown } = parseObject(header, file);
  const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === 'string';
  const entries = typeof metadata === 'object' && metadata !== null ? Object.entries(metadata) : [];
  return Object.fromEntries(entries.filter(isText));
}

function parseObject(header: Uint8Array, file: string): object {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(header));
  } catch (cause) {
    throw new InputError(`${file}: its header is not JSON: not a safetensors file, or a damaged one`, {
      cause,
    });
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json;
  throw new InputError(`${file}: its header is not a JSON object`);
}

const isLength = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function parseEntry(
  name: string,
  value: unknown,
  body: number,
  fileBytes: number,
  file: string,
): TensorEntry {
  if (typeof value !== 'object' || value === null)
    throw tensorError(file, name, 'its entry is not an object');
  const { dtype, shape, data_offsets: offsets }: Record<string, unknown> = { ...value };
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypeBytes, dtype)) {
    throw tensorError(file, name, `has the unknown dtype ${JSON.stringify(dtype)}`);
  }
  if (!Array.isArray(shape) || !shape.every(isLength))
    throw tensorError(file, name, 'its shape is not a list of sizes');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isLength)) {
    throw tensorError(file, name, 'its data_offsets are not two byte offsets');
  }
  const [start = 0, end = 0] = offsets;
  const bytes = tensorBytes({ dtype, shape });
  if (end < start || end - start !== bytes) {
    const found = `its data_offsets span ${end - start}`;
    throw tensorError(file, name, `${dtype} [${shape}] takes ${bytes} bytes, ${found}`);
  }
  if (body + end > fileBytes) {
    const found = `ends at byte ${body + end} of a file with ${fileBytes}`;
    throw tensorError(file, name, `${found}: the file is truncated`);
  }
  return { name, dtype, shape, start: body + start, bytes };
}

/** Lays tensors out in the given order. Returns the header, where each tensor lies, and the file's size. */
export function layOut(
  specs: readonly TensorSpec[],
  metadata: Readonly<Record<string, string>> = {},
): { header: Uint8Array; tensors: TensorMap; bytes: number } {
  let offset = 0;
  const fields = specs.map((spec): [string, object] => {
    const start = offset;
    offset += tensorBytes(spec);
    return [spec.name, { dtype: spec.dtype, shape: spec.shape, data_offsets: [start, offset] }];
  });
  const json = Buffer.from(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(fields) }));
  const body = Math.ceil((8 + json.length) / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(body, ' ');
  header.writeBigUInt64LE(BigInt(body - 8));
  json.copy(header, 8);
  const bytes = body + offset;
  return { header, tensors: parseHeader(header.subarray(8), bytes, 'layout'), bytes };
}
