// Bundles of random weights have the right shape and plausible numbers, and depend only on the seed.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { parseConfig } from '../../../model/config/config.ts';
import { fillRandom, streamKey } from '../../../model/convert/random.ts';
import { sigmaMoeTinyFiles } from '../../../model/synth/sigma-moe-tiny.ts';
import { synth } from '../../../model/synth.ts';
import { dequantize } from '../../../model/tiles.ts';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';

let dir: string;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'synth-'));
});
afterAll(() => rm(dir, { recursive: true }));
const fresh = () => join(dir, String(count++));

function spread(values: Float32Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

describe('random numbers', () => {
  it('have the requested mean and deviation', () => {
    const values = new Float32Array(100_000);
    fillRandom(values, 0, streamKey(1, 'w'), 2, 0.5);
    const { mean, deviation } = spread(values);
    expect(mean).toBeCloseTo(2, 2);
    expect(deviation).toBeCloseTo(0.5, 2);
  });

  it('are the same in slices as at once, and differ for another name or seed', () => {
    const whole = new Float32Array(100);
    const slice = new Float32Array(40);
    fillRandom(whole, 0, streamKey(1, 'w'), 0, 1);
    fillRandom(slice, 60, streamKey(1, 'w'), 0, 1);
    expect(slice).toEqual(whole.subarray(60));
    for (const key of [streamKey(2, 'w'), streamKey(1, 'v')]) {
      fillRandom(slice, 60, key, 0, 1);
      expect(slice).not.toEqual(whole.subarray(60));
    }
  });
});

describe('a synthetic bundle', () => {
  it('has the shape of its config.json, copies the tokenizer beside it, and keeps activations near 1', async () => {
    const { dir: from, config } = await writeCheckpoint(fresh(), {
      hidden: 128,
      inner: 64,
      score: 'sigmoid',
      k: 2,
    });
    const to = fresh();
    await synth({ shape: join(from, 'config.json'), to, bits: 4, seed: 1 });
    const bundle = await openBundle(to);
    expect(bundle.config).toEqual(config);
    expect(Object.keys(bundle.manifest.files)).toContain('tokenizer.json');
    const { up } = await bundle.readExpert({ layer: 1, expert: 7 });
    expect(spread(dequantize(up)).deviation * Math.sqrt(128)).toBeCloseTo(1, 1);
    expect(spread(await bundle.readVector('model.norm.weight')).mean).toBeCloseTo(1, 1);
    await bundle.close();
  });

  it('has the prototypes of its config.json', async () => {
    const { dir: from, config } = await writeCheckpoint(fresh(), { experts: 8, prototypes: 4, vocab: 50 });
    const to = fresh();
    await synth({ shape: join(from, 'config.json'), to, bits: 4, seed: 1 });
    const bundle = await openBundle(to);
    expect(bundle.config).toEqual(config);
    expect(bundle.config).toMatchObject({ expertsPerToken: [4, 4], routing: { prototypes: 4 } });
    await bundle.close();
  });

  it('depends only on the seed, and has the same identity at every precision', async () => {
    const shape = join(fresh(), 'config.json');
    await writeCheckpoint(join(shape, '..'), { vocab: 50 });
    const write = (bits: 4 | 32, seed: number) => synth({ shape, to: fresh(), bits, seed });
    const [a, b, wide, other] = [await write(4, 1), await write(4, 1), await write(32, 1), await write(4, 2)];
    expect(b.contentHash).toBe(a.contentHash);
    expect(wide.identity).toBe(a.identity);
    expect(other.identity).not.toBe(a.identity);
    expect(other.contentHash).not.toBe(a.contentHash);
  });

  it('refuses a shape that does not exist, and names it', async () => {
    const path = join(dir, 'llama.json');
    await writeFile(path, '{"model_type":"llama"}');
    const options = { to: fresh(), bits: 4, seed: 1 } as const;
    await expect(synth({ shape: path, ...options })).rejects.toThrow(`${path}: field model_type`);
    await expect(synth({ shape: 'sigma', ...options })).rejects.toThrow(
      'sigma: is missing: give sigma-moe-tiny',
    );
  });
});

describe('sigma-moe-tiny', () => {
  const files = sigmaMoeTinyFiles();
  const json = (name: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(files.get(name)!).toString());

  it('has the published shape, and weights its one expert by the raw probability', () => {
    expect(parseConfig(json('config.json'), 'config.json')).toMatchObject({
      layers: 56,
      hidden: 1536,
      heads: 16,
      kvHeads: 4,
      headDim: 96,
      experts: 96,
      inner: 768,
      vocab: 200_064,
      routing: { score: 'softmax', renormalise: false, selectionBias: false, scale: 1 },
    });
  });

  it('has a tokenizer that encodes any text as bytes and gives special tokens their ids', () => {
    const tokenizer = new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'));
    const { ids } = tokenizer.encode('<|user|>né 語<|end|>', { add_special_tokens: false });
    expect(ids).toEqual([200_001, 110, 0xc3, 0xa9, 32, 0xe8, 0xaa, 0x9e, 200_003]);
    expect(tokenizer.decode(ids, { skip_special_tokens: true })).toBe('né 語');
  });
});
