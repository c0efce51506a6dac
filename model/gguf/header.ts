// Parses the header of a GGUF file: typed metadata, then the name, shape, type and place of each tensor. It is pure; read.ts
// brings the bytes. Specification: docs/gguf.md of ggml-org/ggml.
import { isUtf8 } from 'node:buffer';
import { InputError, tensorError } from '../errors.ts';
import { tensorTypes } from './types.ts';

export type GgufScalar = number | bigint | boolean | string;
/** A 64-bit integer is a bigint only if a number cannot hold it exactly. */
export type GgufValue = GgufScalar | readonly GgufValue[];

export interface GgufEntry {
  name: string;
  /** Outermost dimension first, as in Hugging Face's files. The file lists dimensions in the opposite order. */
  shape: readonly number[];
  /** A name of types.ts, such as `Q4_1`. */
  type: string;
  /** Offset in the file. */
  start: number;
  bytes: number;
}

export interface GgufHeader {
  version: number;
  metadata: ReadonlyMap<string, GgufValue>;
  tensors: readonly GgufEntry[];
}

/** Thrown if the header is longer than the bytes that were given, though the file has more. */
export class HeaderNeedsMore extends Error {
  override readonly name = 'HeaderNeedsMore';
}

const MAGIC = 0x46554747; // "GGUF", little-endian
const DEFAULT_ALIGNMENT = 32;
const MOST_DIMENSIONS = 4; // GGML_MAX_DIMS
const DEEPEST_ARRAY = 4;
/** Published models have at most some thousand tensors, and a few values for each token of the vocabulary. */
const MOST_ENTRIES = 2 ** 20;
const MOST_VALUES = 2 ** 23;

/**
 * Parses the header from the first bytes of a file of `fileBytes` bytes. Throws an InputError that names `file` and the key or tensor.
 * Throws HeaderNeedsMore if `bytes` is too short a part of the file.
 */
export function parseHeader(bytes: Buffer, fileBytes: number, file: string): GgufHeader {
  const at = new Cursor(bytes, fileBytes, file);
  const version = readVersion(at);
  const tensorCount = at.count('tensor', 24, MOST_ENTRIES);
  const keyCount = at.count('key', 13, MOST_ENTRIES);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < keyCount; i++) {
    const key = at.named(`key ${i + 1} of ${keyCount}`).text();
    if (metadata.has(key)) at.named(`key ${key}`).refuse('is there twice');
    metadata.set(key, readValue(at.named(`key ${key}`), at.u32(), 0));
  }
  const alignment = readAlignment(metadata, file);
  const infos: TensorInfo[] = [];
  for (let i = 0; i < tensorCount; i++) {
    infos.push(readTensor(at.named(`tensor ${i + 1} of ${tensorCount}`)));
  }
  return {
    version,
    metadata,
    tensors: place(infos, { body: align(at.position, alignment), alignment, fileBytes, file }),
  };
}

function readVersion(at: Cursor): number {
  at.named('header');
  if (at.u32() !== MAGIC) at.refuse('does not begin with "GGUF": not a GGUF file');
  const version = at.u32();
  if (version !== 0 && (version & 0xffff) === 0) {
    at.refuse('is big-endian; only little-endian files are read');
  }
  if (version !== 2 && version !== 3) at.refuse(`has version ${version}; versions 2 and 3 are read`);
  return version;
}

/** Readers of the value types, by their codes. */
const readers: readonly ((at: Cursor, depth: number) => GgufValue)[] = [
  (at) => at.view.getUint8(at.take(1)),
  (at) => at.view.getInt8(at.take(1)),
  (at) => at.view.getUint16(at.take(2), true),
  (at) => at.view.getInt16(at.take(2), true),
  (at) => at.u32(),
  (at) => at.view.getInt32(at.take(4), true),
  (at) => at.view.getFloat32(at.take(4), true),
  readFlag,
  (at) => at.text(),
  readArray,
  (at) => exact(at.view.getBigUint64(at.take(8), true)),
  (at) => exact(at.view.getBigInt64(at.take(8), true)),
  (at) => at.view.getFloat64(at.take(8), true),
];

/** The fewest bytes of a value of each type. A string and an array have at least their length. */
const leastBytes: readonly number[] = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8];

function readValue(at: Cursor, type: number, depth: number): GgufValue {
  const read = readers[type] ?? at.refuse(`has the unknown value type ${type}`);
  return read(at, depth);
}

function readFlag(at: Cursor): boolean {
  const value = at.view.getUint8(at.take(1));
  return value <= 1 ? value === 1 : at.refuse(`is ${value}, neither false (0) nor true (1)`);
}

function readArray(at: Cursor, depth: number): GgufValue[] {
  if (depth === DEEPEST_ARRAY) at.refuse(`nests arrays more than ${DEEPEST_ARRAY} deep`);
  const type = at.u32();
  const least = leastBytes[type] ?? at.refuse(`is an array of the unknown value type ${type}`);
  const count = at.count('element', least, at.valuesLeft);
  at.valuesLeft -= count;
  const values: GgufValue[] = [];
  for (let i = 0; i < count; i++) values.push(readValue(at, type, depth + 1));
  return values;
}

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function readAlignment(metadata: ReadonlyMap<string, GgufValue>, file: string): number {
  const value = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  if (typeof value === 'number' && value >= 1 && value <= 2 ** 31 && Number.isInteger(Math.log2(value)))
    return value;
  throw new InputError(`${file}: key general.alignment: is ${String(value)}, not a power of two`);
}

interface TensorInfo {
  name: string;
  shape: readonly number[];
  type: string;
  offset: number;
  bytes: number;
}

function readTensor(at: Cursor): TensorInfo {
  const name = at.text();
  at.named(`tensor ${name}`);
  const dimensions = at.u32();
  if (dimensions > MOST_DIMENSIONS)
    at.refuse(`has ${dimensions} dimensions; at most ${MOST_DIMENSIONS} are read`);
  const shape = Array.from({ length: dimensions }, () => at.u64()).reverse();
  const code = at.u32();
  const type = tensorTypes.get(code) ?? at.refuse(`has the unknown type ${code}`);
  const offset = at.u64();
  const inner = shape.at(-1) ?? 1;
  const values = shape.reduce((product, length) => product * length, 1);
  if (values === 0 || !Number.isSafeInteger(values)) at.refuse(`has the impossible shape [${shape}]`);
  if (inner % type.values !== 0) {
    at.refuse(`its rows of ${inner} values are no whole number of ${type.name} blocks of ${type.values}`);
  }
  return { name, shape, type: type.name, offset, bytes: (values / type.values) * type.bytes };
}

interface Body {
  /** Offset of the first tensor. */
  body: number;
  alignment: number;
  fileBytes: number;
  file: string;
}

/** Checks where the tensors lie. They must be aligned, within the file, and must not overlap. Returns them in the order of their bytes. */
function place(infos: readonly TensorInfo[], { body, alignment, fileBytes, file }: Body): GgufEntry[] {
  const names = new Set<string>();
  const entries = infos.map(({ offset, ...info }) => {
    const { name, bytes } = info;
    if (names.has(name)) throw tensorError(file, name, 'is there twice');
    names.add(name);
    if (offset % alignment !== 0) {
      throw tensorError(file, name, `its offset ${offset} is no multiple of the alignment ${alignment}`);
    }
    const start = body + offset;
    if (start + bytes > fileBytes) {
      const found = `ends at byte ${start + bytes} of a file with ${fileBytes}`;
      throw tensorError(file, name, `${found}: the file is truncated`);
    }
    return { ...info, start };
  });
  entries.sort((a, b) => a.start - b.start || a.bytes - b.bytes);
  entries.reduce<GgufEntry | undefined>((before, entry) => {
    if (before !== undefined && before.start + before.bytes > entry.start) {
      throw tensorError(file, entry.name, `overlaps tensor ${before.name}`);
    }
    return entry;
  }, undefined);
  return entries;
}

function align(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}

/** Reads forward through the header. `named` sets what its errors name. */
class Cursor {
  position = 0;
  private subject = 'header';
  private readonly bytes: Buffer;
  /** How many more elements of arrays are accepted, so that a lying header cannot fill the memory. */
  valuesLeft = MOST_VALUES;
  readonly view: DataView;
  private readonly fileBytes: number;
  private readonly file: string;

  constructor(bytes: Buffer, fileBytes: number, file: string) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.fileBytes = fileBytes;
    this.file = file;
  }

  named(subject: string): this {
    this.subject = subject;
    return this;
  }

  refuse(reason: string): never {
    throw new InputError(`${this.file}: ${this.subject}: ${reason}`);
  }

  /** Moves past `length` bytes, and returns where they begin in `view`. */
  take(length: number): number {
    const start = this.position;
    if (start + length > this.fileBytes) {
      this.refuse(`ends at byte ${start + length} of a file with ${this.fileBytes}: the file is truncated`);
    }
    if (start + length > this.bytes.length)
      throw new HeaderNeedsMore(`${this.file}: needs ${start + length} bytes`);
    this.position = start + length;
    return start;
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  /** A size or an offset. */
  u64(): number {
    const value = this.view.getBigUint64(this.take(8), true);
    return value <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : this.refuse(`has the impossible size ${value}`);
  }

  /** A number of things that take at least `least` bytes each. A larger number than the file can hold is refused at once. */
  count(what: string, least: number, most = Number.POSITIVE_INFINITY): number {
    const count = this.u64();
    if (count > most) this.refuse(`claims ${count} ${what}s; at most ${most} are read`);
    const left = this.fileBytes - this.position;
    if (count * least > left)
      this.refuse(`claims ${count} ${what}s; the ${left} bytes that follow cannot hold them`);
    return count;
  }

  text(): string {
    const length = this.count('byte', 1);
    const start = this.take(length);
    const bytes = this.bytes.subarray(start, start + length);
    return isUtf8(bytes) ? bytes.toString('utf8') : this.refuse('is or has a string that is not UTF-8');
  }
}
