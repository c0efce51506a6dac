// Breaks checkpoints in one place each, and checks how `convert` refuses them.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import type { Bits } from '../../../model/bundle/tensors.ts';
import { convert } from '../../../model/convert/convert.ts';
import { InputError } from '../../../model/errors.ts';
import { loadCase, writeOracleCheckpoint } from '../../oracle/rebuild.ts';
import { frameSafetensors } from '../../support/models/safetensors-writer.ts';

export interface Stored {
  dtype: string;
  shape: readonly number[];
  data: Buffer;
}

/** A checkpoint in memory. Cases change a copy of it, but must replace the tensors' data in place of changing it. */
export interface Parts {
  config: Record<string, unknown>;
  tensors: Map<string, Stored>;
}

export interface Broken {
  /** What is wrong. */
  what: string;
  /** Name of the sound checkpoint: for layouts, one of test/oracle. */
  of: string;
  /** Fields of config.json that are replaced (undefined: left out). */
  config?: Record<string, unknown>;
  tensors?: (tensors: Map<string, Stored>) => void;
  /** Changes the written files. */
  files?: (dir: string) => Promise<unknown>;
  /** The error's message from the name of the file on. */
  says: string;
  bits?: Bits;
}

/** A folder that is deleted when the test file ends. Each call of the result returns a new path in it. */
export function freshPaths(): () => string {
  let dir = '';
  let count = 0;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'broken-'));
  });
  afterAll(() => rm(dir, { recursive: true }));
  return () => join(dir, String(count++));
}

/** Loads checkpoints of test/oracle, each once. */
export function oracleParts(fresh: () => string): (name: string) => Promise<Parts> {
  const known = new Map<string, Promise<Parts>>();
  const load = async (name: string): Promise<Parts> => {
    const dir = fresh();
    const oracle = await loadCase(name);
    await writeOracleCheckpoint(dir, oracle);
    return { config: oracle.config, tensors: parseTensors(await readFile(join(dir, 'model.safetensors'))) };
  };
  return (name) => {
    const found = known.get(name) ?? load(name);
    known.set(name, found);
    return found;
  };
}

/** The tensors of a safetensors file. */
export function parseTensors(file: Buffer): Map<string, Stored> {
  const body = 8 + Number(file.readBigUInt64LE());
  const { __metadata__: _, ...entries } = JSON.parse(file.toString('utf8', 8, body));
  return new Map(
    Object.entries<{ dtype: string; shape: number[]; data_offsets: [number, number] }>(entries).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [start, end],
        },
      ]) => [name, { dtype, shape, data: file.subarray(body + start, body + end) }],
    ),
  );
}

/** Writes the checkpoint with what the case changes. */
export async function writeBroken(
  dir: string,
  { config, tensors }: Parts,
  broken: Partial<Broken>,
): Promise<void> {
  const changed = new Map(tensors);
  broken.tensors?.(changed);
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const [name, { dtype, shape, data }] of changed) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.length] };
    offset += data.length;
  }
  const body = Buffer.concat([...changed.values()].map(({ data }) => data));
  await mkdir(dir);
  await writeFile(join(dir, 'config.json'), JSON.stringify({ ...config, ...broken.config }));
  await writeFile(join(dir, 'model.safetensors'), frameSafetensors(header, body));
  await broken.files?.(dir);
}

/** Converts `from`, and expects one line that says `says` from the name of the file on, and neither a bundle nor a part of one. */
export async function expectRefusal(
  from: string,
  to: string,
  { says, bits = 4 }: Pick<Broken, 'says' | 'bits'>,
): Promise<void> {
  const error = await convert({ from, to, bits, workers: 1 }).then(
    () => new Error('was converted'),
    (reason: unknown) => reason,
  );
  expect(
    String(error instanceof Error ? error.message : error)
      .replaceAll(`${from}/`, '')
      .replaceAll(from, `NAME${extname(from)}`),
  ).toBe(says);
  expect(error).toBeInstanceOf(InputError);
  expect(says).not.toContain('\n');
  expect([to, `${to}.partial`].filter(existsSync)).toEqual([]);
}

const widths: Readonly<Record<string, number>> = { F32: 4, BF16: 2, F16: 2, U8: 1, I8: 1, F64: 8, I32: 4 };

/** A tensor of zeros. */
export function zeros(shape: readonly number[], dtype = 'F32'): Stored {
  const bytes = shape.reduce((product, length) => product * length, widths[dtype] ?? 1);
  return { dtype, shape, data: Buffer.alloc(bytes) };
}

/** Leaves out the tensors whose names match. Throws if there are none. */
export const without = (pattern: RegExp) => (tensors: Map<string, Stored>) => {
  const names = [...tensors.keys()].filter((name) => pattern.test(name));
  if (names.length === 0) throw new Error(`no tensor matches ${pattern}`);
  for (const name of names) tensors.delete(name);
};

/** Replaces the tensor by zeros of another shape or type. Throws if there is none. */
export const reshaped = (name: string, shape: readonly number[], dtype?: string) =>
  changed(name, (tensor) => zeros(shape, dtype ?? tensor.dtype));

/** Adds a tensor of zeros. */
export const added =
  (name: string, shape: readonly number[], dtype?: string) => (tensors: Map<string, Stored>) =>
    void tensors.set(name, zeros(shape, dtype));

export const changed =
  (name: string, change: (tensor: Stored) => Stored) => (tensors: Map<string, Stored>) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`no tensor ${name}`);
    tensors.set(name, change(tensor));
  };

/** Overwrites bytes of a tensor's data. */
export const patched = (name: string, at: number, bytes: readonly number[]) =>
  changed(name, (tensor) => {
    const data = Buffer.from(tensor.data);
    data.set(bytes, at);
    return { ...tensor, data };
  });

/** Little-endian bytes of a float32. */
export const nan = [0, 0, 0xc0, 0x7f];
export const infinity = [0, 0, 0x80, 0x7f];
