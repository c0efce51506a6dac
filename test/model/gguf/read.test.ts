// The GGUF reader, tested with files of an independent writer, with files that lie, and with damaged ones.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../../model/errors.ts';
import { parseHeader } from '../../../model/gguf/header.ts';
import { openGguf } from '../../../model/gguf/read.ts';
import { uniform } from '../../support/random.ts';
import { type FileParts, ggufBytes, text, u32, u64, values } from './gguf-bytes.ts';

const golden: Record<'whole' | 'split', Record<string, string>> = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../golden/gguf-written.json'), 'utf8'),
);

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gguf-'));
  for (const [name, data] of [...Object.entries(golden.whole), ...Object.entries(golden.split)]) {
    await writeFile(join(dir, name), Buffer.from(data, 'base64'));
  }
});
afterAll(() => rm(dir, { recursive: true }));

const wholeBytes = Buffer.from(golden.whole['tiny.gguf'] ?? '', 'base64');

const expectedTensors = [
  { name: 'token_embd.weight', shape: [2, 3], type: 'F32', bytes: 24 },
  { name: 'blk.0.ffn_norm.weight', shape: [3], type: 'F32', bytes: 12 },
  { name: 'blk.0.attn_q.weight', shape: [2, 64], type: 'Q8_0', bytes: 136 },
];

describe('a file of the gguf package', () => {
  it('is read with its metadata of every type', async () => {
    const { metadata } = await openGguf(join(dir, 'tiny.gguf'));
    expect(Object.fromEntries(metadata)).toEqual({
      'general.architecture': 'llama',
      'some.u8': 255,
      'some.i8': -128,
      'some.u16': 65535,
      'some.i16': -32768,
      'some.u32': 2 ** 32 - 1,
      'some.i32': -(2 ** 31),
      'some.f32': Math.fround(1e-5),
      'some.u64': 2n ** 64n - 1n,
      'some.i64': -(2n ** 53n),
      'some.f64': 0.1,
      'some.bool': true,
      'some.string': 'Grüße, 世界 😀',
      'some.strings': ['a', '', 'Ġb'],
      'some.numbers': [1, -2, 3],
      'some.floats': [0.5, -0.25],
    });
  });

  it('is read with its tensors at their places', async () => {
    const { tensors, paths } = await openGguf(join(dir, 'tiny.gguf'));
    expect(paths).toEqual([join(dir, 'tiny.gguf')]);
    expect([...tensors.values()].map(({ start, path, ...rest }) => rest)).toEqual(expectedTensors);
    const at = tensors.get('token_embd.weight')?.start ?? 0;
    expect(Array.from({ length: 6 }, (_, i) => wholeBytes.readFloatLE(at + 4 * i))).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
  });

  it('is read from the files that it is split into, whichever of them is named', async () => {
    const names = Object.keys(golden.split).map((name) => join(dir, name));
    expect(names).toHaveLength(2);
    for (const name of names) {
      const { tensors, paths, path, metadata } = await openGguf(name);
      expect([path, ...paths]).toEqual([names[0], ...names]);
      expect([...tensors.values()].map(({ start, path: _, ...rest }) => rest)).toEqual(expectedTensors);
      expect(tensors.get('blk.0.attn_q.weight')?.path).toBe(names[1]);
      expect(metadata.get('some.u8')).toBe(255);
    }
  });
});

describe('a split model', () => {
  it('is refused if a file of it is missing or does not belong', async () => {
    const write = (name: string, data: string | undefined) => {
      return writeFile(join(dir, name), Buffer.from(data ?? '', 'base64'));
    };
    const [one, two] = Object.values(golden.split);
    await write('lonely-00001-of-00002.gguf', one);
    await expect(openGguf(join(dir, 'lonely-00001-of-00002.gguf'))).rejects.toThrow(
      'lonely-00002-of-00002.gguf: is missing',
    );
    await write('twice-00001-of-00002.gguf', one);
    await write('twice-00002-of-00002.gguf', one);
    await expect(openGguf(join(dir, 'twice-00001-of-00002.gguf'))).rejects.toThrow(
      'twice-00002-of-00002.gguf: is file 1 of 2 by its keys split.no and split.count, but file 2 of 2 by its name',
    );
    await write('renamed.gguf', two);
    await expect(openGguf(join(dir, 'renamed.gguf'))).rejects.toThrow('renamed.gguf: is file 2 of 2');
  });
});

const norm = { name: 'a', dimensions: [4], type: 0, data: Buffer.alloc(16) };
const parse = (bytes: Buffer) => parseHeader(bytes, bytes.length, 'x.gguf');
const file = (parts: FileParts) => ggufBytes(parts);
/** A header that says that there is one key, with these bytes as its type and value. */
const withValue = (...value: Buffer[]) => file({ keys: [['k', Buffer.concat(value)]] });

describe('a header', () => {
  it.each<[string, Buffer, string]>([
    ['is empty', Buffer.alloc(0), 'x.gguf: header: ends at byte 4 of a file with 0: the file is truncated'],
    [
      'has other magic',
      Buffer.from('GGML0000'),
      'x.gguf: header: does not begin with "GGUF": not a GGUF file',
    ],
    ['is of version 1', file({ version: 1 }), 'x.gguf: header: has version 1; versions 2 and 3 are read'],
    ['is of version 4', file({ version: 4 }), 'has version 4'],
    ['is big-endian', file({ version: 3 << 24 }), 'is big-endian; only little-endian files are read'],
    [
      'claims more tensors than the file can hold',
      Buffer.concat([Buffer.from('GGUF'), u32(3), u64(1000), u64(0), Buffer.alloc(99)]),
      'claims 1000 tensors; the 107 bytes that follow cannot hold them',
    ],
    [
      'claims an impossible number of keys',
      Buffer.concat([Buffer.from('GGUF'), u32(3), u64(0), u64(2n ** 64n - 1n)]),
      'has the impossible size 18446744073709551615',
    ],
    [
      'has a key twice',
      file({
        keys: [
          ['k', values.u8(1)],
          ['k', values.u8(1)],
        ],
      }),
      'key k: is there twice',
    ],
    [
      'has a key that is not UTF-8',
      file({ keys: [[Buffer.of(0xff), values.u8(1)]] }),
      'key 1 of 1: is or has a string',
    ],
    [
      'has a value that is not UTF-8',
      withValue(values.string(Buffer.of(0xc0))),
      'key k: is or has a string that is not',
    ],
    ['has an unknown value type', withValue(u32(13), u64(0)), 'key k: has the unknown value type 13'],
    ['has a flag of 2', withValue(values.bool(2)), 'key k: is 2, neither false (0) nor true (1)'],
    ['has a string longer than the file', withValue(u32(8), u64(1e6)), 'key k: claims 1000000 bytes'],
    [
      'has an array longer than the file',
      withValue(u32(9), u32(10), u64(1e6)),
      'key k: claims 1000000 elements',
    ],
    [
      'has an array of an unknown type',
      withValue(u32(9), u32(77), u64(0)),
      'key k: is an array of the unknown value type 77',
    ],
    [
      'nests arrays too deep',
      withValue(u32(9), ...Array.from({ length: 5 }, () => [u32(9), u64(1)]).flat(), Buffer.alloc(64)),
      'key k: nests arrays more than 4 deep',
    ],
    [
      'has an alignment that is no power of two',
      file({ keys: [['general.alignment', values.u32(48)]] }),
      'key general.alignment: is 48, not a power of two',
    ],
    [
      'has the alignment 0',
      file({ keys: [['general.alignment', values.u32(0)]] }),
      'is 0, not a power of two',
    ],
    ['has a tensor twice', file({ tensors: [norm, norm] }), 'tensor a: is there twice'],
    [
      'has an unknown tensor type',
      file({ tensors: [{ ...norm, type: 4 }] }),
      'tensor a: has the unknown type 4',
    ],
    [
      'has a tensor of five dimensions',
      file({ tensors: [{ ...norm, dimensions: [1, 1, 1, 1, 4] }] }),
      'tensor a: has 5 dimensions; at most 4 are read',
    ],
    [
      'has a tensor without values',
      file({ tensors: [{ ...norm, dimensions: [0] }] }),
      'tensor a: has the impossible shape [0]',
    ],
    [
      'has a tensor of too many values',
      file({ tensors: [{ ...norm, dimensions: [2 ** 40, 2 ** 40] }] }),
      'tensor a: has the impossible shape',
    ],
    [
      'has rows that are no whole blocks',
      file({ tensors: [{ ...norm, dimensions: [48, 2], type: 2 }] }),
      'tensor a: its rows of 48 values are no whole number of Q4_0 blocks of 32',
    ],
    [
      'has a tensor past the end',
      file({ tensors: [{ ...norm, dimensions: [5000] }] }),
      'tensor a: ends at byte',
    ],
    [
      'has an offset that is not aligned',
      file({ tensors: [norm, { ...norm, name: 'b', offset: 33 }] }),
      'tensor b: its offset 33 is no multiple of the alignment 32',
    ],
    [
      'has tensors that overlap',
      file({
        tensors: [
          { ...norm, dimensions: [12] },
          { ...norm, name: 'b', offset: 32, data: Buffer.alloc(64) },
        ],
      }),
      'tensor b: overlaps tensor a',
    ],
  ])('that %s is refused', (_, bytes, message) => {
    expect(() => parse(bytes)).toThrow(InputError);
    expect(() => parse(bytes)).toThrow(message);
  });

  it('may be of version 2 and may have another alignment', () => {
    const bytes = file({
      version: 2,
      keys: [['general.alignment', values.u32(128)]],
      tensors: [norm, { ...norm, name: 'b' }],
      alignment: 128,
    });
    expect(parse(bytes).tensors.map(({ start }) => start)).toEqual([bytes.length - 256, bytes.length - 128]);
  });

  it('that claims to be long does not fill the memory', () => {
    // The file claims to have a terabyte, so that its counts are possible.
    const claim = Buffer.concat([
      Buffer.from('GGUF'),
      u32(3),
      u64(0),
      u64(1),
      text('k'),
      u32(9),
      u32(0),
      u64(2 ** 31),
    ]);
    expect(() => parseHeader(claim, 2 ** 40, 'x.gguf')).toThrow('key k: claims 2147483648 elements; at most');
    const tensors = Buffer.concat([Buffer.from('GGUF'), u32(3), u64(2 ** 30), u64(0)]);
    expect(() => parseHeader(tensors, 2 ** 40, 'x.gguf')).toThrow(
      'header: claims 1073741824 tensors; at most',
    );
  });

  it('that is longer than the bytes read first is read whole', async () => {
    const long = Array.from({ length: 40 }, (_, i) => `${i}`.padEnd(1 << 20, 'x'));
    await writeFile(
      join(dir, 'long.gguf'),
      file({ keys: [['long', values.strings(long)]], tensors: [norm] }),
    );
    const { metadata, tensors } = await openGguf(join(dir, 'long.gguf'));
    expect(metadata.get('long')).toEqual(long);
    expect([...tensors.keys()]).toEqual(['a']);
  });

  it('that is missing is named', async () => {
    await expect(openGguf(join(dir, 'none.gguf'))).rejects.toThrow('none.gguf: is missing');
  });
});

describe('a damaged file', () => {
  it('that is truncated anywhere gives one clear error', () => {
    for (let length = 0; length < wholeBytes.length; length++) {
      // The padding after the last tensor belongs to no tensor.
      const isWhole = length >= 136 + (parse(wholeBytes).tensors.at(-1)?.start ?? 0);
      const run = () => parse(wholeBytes.subarray(0, length));
      if (isWhole) expect(run()).toEqual(parse(wholeBytes));
      else expect(run).toThrow(InputError);
    }
  });

  it('with flipped bytes gives a header or an InputError', () => {
    const random = uniform(18);
    const outcomes = { read: 0, refused: 0 };
    for (let round = 0; round < 6000; round++) {
      const bytes = Buffer.from(wholeBytes);
      for (let flips = 1 + Math.floor(random() * 3); flips > 0; flips--) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      }
      try {
        parse(bytes);
        outcomes.read++;
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        outcomes.refused++;
      }
    }
    expect(outcomes.read).toBeGreaterThan(300);
    expect(outcomes.refused).toBeGreaterThan(300);
  });
});
