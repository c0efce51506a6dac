// The safetensors reader, tested with files of an independent writer, with its own layouts, and with random bytes.
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../model/errors.ts';
import { readExactly } from '../../model/reading/read-exactly.ts';
import { layOut, loadTensorMap, parseHeader, tensorBytes } from '../../model/safetensors.ts';
import {
  encodeSafetensors,
  type FloatTensor,
  frameSafetensors,
} from '../support/models/safetensors-writer.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function load(bytes: Uint8Array, name = 'some.safetensors') {
  await writeFile(join(dir, name), bytes);
  return loadTensorMap(join(dir, name), name);
}

const entry = (dtype: unknown, shape: unknown, offsets: unknown) => ({ dtype, shape, data_offsets: offsets });
const framed = (header: Record<string, unknown>, bytes: number) =>
  frameSafetensors(header, new Uint8Array(bytes));

describe('a file', () => {
  it('is read with each tensor at the place where an independent writer put it', async () => {
    const tensors = new Map<string, FloatTensor>([
      ['b', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
      ['a', { shape: [4], data: Float32Array.of(7, 8, 9, 10) }],
      ['empty', { shape: [0, 5], data: new Float32Array() }],
      ['scalar', { shape: [], data: Float32Array.of(11) }],
    ]);
    const map = await load(encodeSafetensors(tensors, 'f32'));
    expect([...map.keys()].sort()).toEqual([...tensors.keys()].sort());
    const handle = await open(join(dir, 'some.safetensors'));
    for (const [name, { shape, data }] of tensors) {
      const { start, bytes, ...rest } = map.get(name)!;
      expect(rest).toEqual({ name, dtype: 'F32', shape });
      const read = new Uint8Array(bytes);
      await readExactly(handle, read, start, 'some.safetensors');
      expect(new Float32Array(read.buffer)).toEqual(data);
    }
    await handle.close();
  });

  it.each<[string, Uint8Array, string]>([
    ['is empty', new Uint8Array(), 'has 0 bytes, too few'],
    [
      'claims a header longer than itself',
      Buffer.from('ffffff0000000000', 'hex'),
      'its header claims 16777215 bytes',
    ],
    ['claims a header without bound', Buffer.alloc(64, 0xff), 'its header claims 18446744073709551615 bytes'],
    ['has a header that is not JSON', framed({}, 0).fill('x', 8), 'its header is not JSON'],
    ['has a header that is a list', Buffer.from('0200000000000000[]', 'latin1'), 'its header'],
    ['has a tensor that is no object', framed({ w: 7 }, 0), 'tensor w: its entry is not an object'],
    [
      'has an unknown dtype',
      framed({ w: entry('F4', [2], [0, 1]) }, 1),
      'tensor w: has the unknown dtype "F4"',
    ],
    [
      'has a dtype that is a property of every object',
      framed({ w: entry('toString', [1], [0, 4]) }, 4),
      'tensor w: has the unknown dtype',
    ],
    ['has a negative size', framed({ w: entry('F32', [-1], [0, 4]) }, 4), 'tensor w: its shape'],
    ['has a fractional size', framed({ w: entry('F32', [0.5], [0, 2]) }, 2), 'tensor w: its shape'],
    ['has one offset', framed({ w: entry('F32', [1], [0]) }, 4), 'tensor w: its data_offsets'],
    [
      'has an end offset below the start offset',
      framed({ w: entry('F32', [1], [8, 4]) }, 8),
      'tensor w: F32 [1] takes 4 bytes',
    ],
    ['has a shape that its bytes do not fill', framed({ w: entry('F32', [3], [0, 8]) }, 8), 'takes 12 bytes'],
    [
      'has a shape with too many elements',
      framed({ w: entry('F32', [2 ** 40, 2 ** 40], [0, 8]) }, 8),
      'tensor w: F32',
    ],
    ['is truncated', framed({ w: entry('F32', [4], [0, 16]) }, 15), 'tensor w: ends at byte'],
    ['leaves a hole', framed({ w: entry('F32', [1], [4, 8]) }, 8), 'tensor w: starts 4 bytes after'],
    [
      'has bytes of no tensor',
      framed({ w: entry('F32', [1], [0, 4]) }, 9),
      'has 5 bytes that belong to no tensor',
    ],
    [
      'has tensors that overlap',
      framed({ v: entry('F32', [2], [0, 8]), w: entry('F32', [2], [4, 12]) }, 12),
      'tensor w: overlaps tensor v',
    ],
  ])('that %s is refused by name', async (_case, bytes, message) => {
    const refused = load(bytes, 'broken.safetensors');
    await expect(refused).rejects.toThrow(InputError);
    await expect(refused).rejects.toThrow('broken.safetensors: ');
    await expect(refused).rejects.toThrow(message);
  });
});

const dtypes = ['F32', 'F16', 'BF16', 'U8', 'I64'] as const;

describe('a layout', () => {
  it('is read back as it was laid out, padded to 64 bytes', () => {
    const spec = fc.record({
      name: fc.string({ minLength: 1 }).filter((name) => name !== '__metadata__' && name !== '__proto__'),
      dtype: fc.constantFrom(...dtypes),
      shape: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.uniqueArray(spec, { selector: ({ name }) => name, maxLength: 12 }), (specs) => {
        const { header, tensors, bytes } = layOut(specs, { made: 'here' });
        expect(header.length % 64).toBe(0);
        expect(Buffer.from(header).readBigUInt64LE()).toBe(BigInt(header.length - 8));
        expect(bytes).toBe(header.length + specs.reduce((sum, one) => sum + tensorBytes(one), 0));
        expect(parseHeader(header.subarray(8), bytes, 'f')).toEqual(tensors);
        for (const { name, dtype, shape } of specs) expect(tensors.get(name)).toMatchObject({ dtype, shape });
      }),
      { seed: 31, numRuns: 200 },
    );
  });
});

describe('noise', () => {
  const parse = (bytes: Uint8Array, size: number) => {
    try {
      for (const { start, bytes: length } of parseHeader(bytes, size, 'noise.safetensors').values()) {
        expect(start + length).toBeLessThanOrEqual(size);
      }
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
      expect(String(error)).toContain('noise.safetensors');
      expect(String(error)).not.toContain('\n');
    }
  };

  it('as random JSON never crashes the parser', () => {
    const value = fc.oneof(
      fc.jsonValue(),
      fc.record({
        dtype: fc.constantFrom('F32', 'U8', 3, null),
        shape: fc.jsonValue(),
        data_offsets: fc.jsonValue(),
      }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), fc.nat(200), (header, body) => {
        const bytes = Buffer.from(JSON.stringify(header));
        parse(bytes, 8 + bytes.length + body);
      }),
      { seed: 32, numRuns: 500 },
    );
  });

  it('as flipped bytes of a valid header never crashes the parser', () => {
    const { header, bytes } = layOut([
      { name: 'a', dtype: 'F32', shape: [3, 4] },
      { name: 'b', dtype: 'BF16', shape: [7] },
    ]);
    const flips = fc.array(fc.tuple(fc.nat(header.length - 9), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(flips, (changes) => {
        const broken = Buffer.from(header.subarray(8));
        for (const [at, value] of changes) broken[at] = value;
        parse(broken, bytes);
      }),
      { seed: 33, numRuns: 1000 },
    );
  });
});
