// Writes grown tensors as safetensors files with an index, a few megabytes at a time.
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fillRandom } from '../convert/random.ts';
import { flush } from '../convert/staging.ts';
import { decode, floatWidth } from '../convert/storage/plain.ts';
import type { FloatDtype } from '../convert/task.ts';
import { diskFault, tensorError } from '../errors.ts';
import { narrowBrain, narrowHalf } from '../floats.ts';
import { readExactly } from '../reading/read-exactly.ts';
import { layOut, tensorBytes } from '../safetensors.ts';
import { type GrownTensor, type Part, partBytes, type Range } from './growth.ts';

/** Most bytes of tensors in a file, unless one tensor is larger. */
const FILE_BYTES = 4 * 2 ** 30;
const SLICE_BYTES = 4 << 20;

interface Shard {
  name: string;
  tensors: readonly GrownTensor[];
}

/** The files of the checkpoint, with the names that Hugging Face gives them. Pure. */
export function planShards(tensors: readonly GrownTensor[], fileBytes = FILE_BYTES): Shard[] {
  const files: GrownTensor[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const tensor of tensors) {
    const size = tensorBytes(tensor);
    if (bytes + size > fileBytes) {
      files.push([]);
      bytes = 0;
    }
    files.at(-1)?.push(tensor);
    bytes += size;
  }
  const pad = (value: number) => String(value).padStart(5, '0');
  return files.map((each, i) => ({
    name: `model-${pad(i + 1)}-of-${pad(files.length)}.safetensors`,
    tensors: each,
  }));
}

/** Files with their headers, for an estimate of space. */
export function shardSizes(shards: readonly Shard[]): { name: string; bytes: number }[] {
  return shards.map(({ name, tensors }) => ({ name, bytes: layOut(tensors).bytes }));
}

export interface WritingOptions {
  signal?: AbortSignal | undefined;
  /** Called with the number of bytes written. */
  onBytes?: (bytes: number) => void;
}

export async function writeShards(
  dir: string,
  shards: readonly Shard[],
  options: WritingOptions,
): Promise<void> {
  const sources = new Sources();
  try {
    for (const { name, tensors } of shards) {
      const path = join(dir, name);
      const file = await open(path, 'wx');
      try {
        await writeTensors(file, tensors, sources, options);
      } catch (error) {
        throw diskFault(error, path);
      } finally {
        await file.close();
      }
      await flush(path);
    }
  } finally {
    await sources.close();
  }
  const weightMap = shards.flatMap(({ name, tensors }) => tensors.map((tensor) => [tensor.name, name]));
  const total = shards.flatMap(({ tensors }) => tensors).reduce((sum, each) => sum + tensorBytes(each), 0);
  const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(weightMap) };
  await writeFile(join(dir, 'model.safetensors.index.json'), `${JSON.stringify(index, null, 2)}\n`);
}

async function writeTensors(
  file: FileHandle,
  tensors: readonly GrownTensor[],
  sources: Sources,
  { signal, onBytes }: WritingOptions,
): Promise<void> {
  await file.write(layOut(tensors, { format: 'pt' }).header);
  for (const { dtype, parts } of tensors) {
    for (const part of parts) {
      for await (const slice of slicesOf(part, dtype, sources)) {
        signal?.throwIfAborted();
        await file.write(slice);
        onBytes?.(slice.length);
      }
    }
  }
}

/** The bytes of a part, in slices that are valid until the next one. */
async function* slicesOf(part: Part, dtype: FloatDtype, sources: Sources): AsyncGenerator<Uint8Array> {
  const width = floatWidth[dtype];
  const deviation = part.kind === 'noisy' ? part.noise * (await deviationOf(part.from, dtype, sources)) : 0;
  const bytes = partBytes(part);
  for (let done = 0; done < bytes; done += SLICE_BYTES) {
    const length = Math.min(SLICE_BYTES, bytes - done);
    if (part.kind === 'copied') {
      yield await sources.read(part.from, done, length);
      continue;
    }
    const values = new Float32Array(length / width);
    if (part.kind === 'random') {
      fillRandom(values, done / width, part.key, 0, part.deviation);
    } else {
      decodeNamed(await sources.read(part.from, done, length), dtype, values, part.from);
      if (part.kind === 'scaled') scale(values, part.factor);
      else addNoise(values, done / width, part.key, deviation);
    }
    yield encoders[dtype](values);
  }
}

function scale(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i] = values[i]! * factor;
}

function addNoise(
  values: Float32Array,
  first: number,
  key: readonly [number, number],
  deviation: number,
): void {
  const noise = new Float32Array(values.length);
  fillRandom(noise, first, key, 0, deviation);
  for (let i = 0; i < values.length; i++) values[i] = values[i]! + noise[i]!;
}

/** Standard deviation of all values of the range. */
async function deviationOf(from: Range, dtype: FloatDtype, sources: Sources): Promise<number> {
  let [sum, squares] = [0, 0];
  for (let done = 0; done < from.bytes; done += SLICE_BYTES) {
    const length = Math.min(SLICE_BYTES, from.bytes - done);
    const values = new Float32Array(length / floatWidth[dtype]);
    decodeNamed(await sources.read(from, done, length), dtype, values, from);
    for (const value of values) {
      sum += value;
      squares += value * value;
    }
  }
  const count = from.bytes / floatWidth[dtype];
  return Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
}

function decodeNamed(bytes: Uint8Array, dtype: FloatDtype, out: Float32Array, { path, name }: Range): void {
  try {
    decode(bytes, dtype, out);
  } catch (error) {
    if (error instanceof RangeError) throw tensorError(path, name, error.message);
    throw error;
  }
}

const encoders: Readonly<Record<FloatDtype, (values: Float32Array) => Uint8Array>> = {
  F32: (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  F16: (values) => halves(values, narrowHalf),
  BF16: (values) => halves(values, narrowBrain),
};

function halves(values: Float32Array, narrow: (values: Float32Array, out: Uint16Array) => void): Uint8Array {
  const words = new Uint16Array(values.length);
  narrow(values, words);
  return new Uint8Array(words.buffer);
}

/** The open files of the source. */
class Sources {
  readonly #files = new Map<string, FileHandle>();

  async read({ path, start }: Range, offset: number, length: number): Promise<Uint8Array> {
    let file = this.#files.get(path);
    if (file === undefined) {
      file = await open(path);
      this.#files.set(path, file);
    }
    const bytes = Buffer.alloc(length);
    await readExactly(file, bytes, start + offset, path);
    return bytes;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.close()));
  }
}
