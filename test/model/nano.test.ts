// The embedded model: its size, its way back to a checkpoint, and its logits as train/reference_logits.py has them.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openBundle } from '../../model/bundle/bundle.ts';
import { convert } from '../../model/convert/convert.ts';
import { openDenseDevice, openExpertDevice } from '../../model/devices/open.ts';
import { exportCheckpoint } from '../../scripts/export-checkpoint.ts';
import { drive } from '../support/drive.ts';
import { tinyFolder } from '../support/tiny-bundle.ts';

const nano = join(import.meta.dirname, '..', '..', 'models', 'nano');
const bundle = await openBundle(nano);
afterAll(() => bundle.close());

describe('nano', () => {
  it('has 96 experts in every layer, one active with its raw softmax weight, and at most 25 MB', async () => {
    const { experts, expertsPerToken, routing } = bundle.config;
    expect(experts).toBe(96);
    expect(new Set(expertsPerToken)).toEqual(new Set([1]));
    expect(routing).toMatchObject({ score: 'softmax', renormalise: false });
    const sizes = await Promise.all(
      (await readdir(nano)).map(async (name) => (await stat(join(nano, name))).size),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(25e6);
  });

  it('goes back to a Hugging Face checkpoint, from which every precision is converted', async () => {
    const folder = await tinyFolder();
    await exportCheckpoint(nano, join(folder, 'checkpoint'));
    for (const bits of [16, 32, 8, 4] as const) {
      const to = join(folder, `${bits}`);
      const { identity } = await convert({ from: join(folder, 'checkpoint'), to, bits });
      expect(identity).toBe(bundle.manifest.identity);
      const converted = await openBundle(to);
      expect(converted.bits).toBe(bits);
      if (bits === 16) expect(converted.manifest.contentHash).toBe(bundle.manifest.contentHash);
      await converted.close();
    }
  });

  it('gives the logits that numpy computes from the same weights', async () => {
    const golden = join(import.meta.dirname, '..', 'golden', 'nano-numpy.json');
    const prompts: { ids: number[]; top: { id: number; logit: number }[] }[] = JSON.parse(
      await readFile(golden, 'utf8'),
    );
    const { config } = bundle;
    const dense = await openDenseDevice({ bundle });
    const experts = await openExpertDevice({ bundle });
    const units = Array.from({ length: config.layers * config.experts }, (_, i) => {
      return { layer: Math.floor(i / config.experts), expert: i % config.experts };
    });
    await experts.load(units);
    expect(prompts.length).toBeGreaterThan(2);
    for (const { ids, top } of prompts) {
      const selectionBias = new Array<undefined>(config.layers).fill(undefined);
      const { logits } = await drive({ config, dense, experts, selectionBias, ids, steps: [ids.length] });
      const last = logits.at(-1)!;
      const likeliest = last.indexOf(Math.max(...last));
      expect(likeliest).toBe(top[0]!.id);
      for (const { id, logit } of top) expect(Math.abs(last[id]! - logit)).toBeLessThan(1e-3);
    }
    await experts.dispose();
    await dense.dispose();
  });
});
