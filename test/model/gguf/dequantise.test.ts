// The dequantisers, compared bit by bit with PyPI's gguf package (bench/oracle-gguf).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytesOf, dequantise, readableTypes } from '../../../model/gguf/dequantise.ts';
import { uniform } from '../../support/random.ts';

interface Golden {
  type: string;
  blocks: string;
  floats: string;
}

const golden: Golden[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../golden/gguf-blocks.json'), 'utf8'),
);

/** Q8_K is only made in memory, for products, so that the package does not read it. */
const withoutOracle = ['Q8_K'];

describe('dequantise', () => {
  it('has an oracle for each type', () => {
    expect([...golden.map(({ type }) => type), ...withoutOracle].sort()).toEqual([...readableTypes].sort());
  });

  it.each(golden)('gives the bits of the gguf package for $type', ({ type, blocks, floats }) => {
    const expected = new Uint32Array(new Uint8Array(Buffer.from(floats, 'base64')).buffer);
    // An odd offset, because the bytes of a tensor may begin anywhere in a buffer.
    const bytes = Buffer.concat([Buffer.alloc(1), Buffer.from(blocks, 'base64')]).subarray(1);
    const out = new Float32Array(expected.length + 8).fill(7);
    dequantise(type, bytes, out);
    expect(new Uint32Array(out.buffer, 0, expected.length)).toEqual(expected);
    expect(out.subarray(expected.length)).toEqual(new Float32Array(8).fill(7));
    expect(bytesOf(type, expected.length)).toBe(bytes.length);
  });

  it('multiplies the signed bytes of a Q8_K block with its scale', () => {
    const random = uniform(3);
    const block = Buffer.from(Array.from({ length: 292 }, () => Math.floor(random() * 256)));
    block.writeFloatLE(0.37, 0);
    const out = new Float32Array(256);
    dequantise('Q8_K', block, out);
    const scale = Math.fround(0.37);
    expect([...out]).toEqual(Array.from(out, (_, i) => Math.fround(scale * block.readInt8(4 + i))));
  });

  it.each<[string, () => void, string]>([
    [
      'an unknown type',
      () => dequantise('Q9', new Uint8Array(18), new Float32Array(32)),
      'type Q9 is not one of F32',
    ],
    [
      'a type that has no dequantiser',
      () => dequantise('IQ1_S', new Uint8Array(50), new Float32Array(256)),
      'IQ1_S',
    ],
    [
      'half a block',
      () => dequantise('Q4_0', new Uint8Array(27), new Float32Array(64)),
      'no whole Q4_0 blocks',
    ],
    [
      'a short output',
      () => dequantise('Q4_0', new Uint8Array(36), new Float32Array(63)),
      'do not fit into 63',
    ],
    ['the size of half a block', () => bytesOf('Q4_K', 128), '128 values are no whole Q4_K blocks'],
  ])('refuses %s', (_, run, message) => {
    expect(run).toThrow(RangeError);
    expect(run).toThrow(message);
  });
});
