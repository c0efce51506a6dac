// The embedded model: its size, its conversion from a 16-bit bundle, and its logits, compared with train/reference_logits.py.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { routingRules } from '../../gateway/engine/scheduling/rules.ts';
import { type Bundle, openBundle } from '../../model/bundle/bundle.ts';
import type { Bits } from '../../model/bundle/tensors.ts';
import { convert } from '../../model/convert/convert.ts';
import { openDenseDevice, openExpertDevice } from '../../model/devices/open.ts';
import { exportCheckpoint } from '../../scripts/export-checkpoint.ts';
import { drive } from '../support/drive.ts';
import { nano, nanoSource } from '../support/models/nano.ts';
import { tinyFolder } from '../support/models/tiny-bundle.ts';

const bundle = await openBundle(nano);
const source = await openBundle(nanoSource);
afterAll(() => Promise.all([bundle.close(), source.close()]));

describe('nano', () => {
  it('has 96 experts in every layer, one active with its raw softmax weight, and at most 14 MB', async () => {
    const { experts, expertsPerToken, routing } = bundle.config;
    expect(experts).toBe(96);
    expect(new Set(expertsPerToken)).toEqual(new Set([1]));
    expect(routing).toMatchObject({ score: 'softmax', renormalise: false });
    const sizes = await Promise.all(
      (await readdir(nano)).map(async (name) => (await stat(join(nano, name))).size),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(14e6);
  });

  it('is converted from a 16-bit bundle, which can be exported as a Hugging Face checkpoint', async () => {
    const folder = await tinyFolder();
    await exportCheckpoint(nanoSource, join(folder, 'checkpoint'));
    const kept: Partial<Record<Bits, Bundle>> = { 8: bundle, 16: source };
    for (const bits of [16, 32, 8, 4] as const) {
      const to = join(folder, `${bits}`);
      const { identity } = await convert({ from: join(folder, 'checkpoint'), to, bits });
      expect(identity).toBe(bundle.manifest.identity);
      const converted = await openBundle(to);
      expect(converted.bits).toBe(bits);
      const { contentHash } = converted.manifest;
      expect(kept[bits]?.manifest.contentHash ?? contentHash).toBe(contentHash);
      await converted.close();
    }
  });

  // At 8 bits weights and activations are rounded: on these prompts a logit of about 5 moves by up to 0.08.
  it.each([
    ['the 16-bit bundle that nano is made from', source, 1e-3],
    ['nano itself, at 8 bits,', bundle, 0.15],
  ] as const)('%s gives the logits that numpy computes from the floats', async (_, bundle, within) => {
    const golden = join(import.meta.dirname, '..', 'golden', 'nano-numpy.json');
    const prompts: { ids: number[]; top: { id: number; logit: number }[] }[] = JSON.parse(
      await readFile(golden, 'utf8'),
    );
    const { config } = bundle;
    const rules = await routingRules(bundle);
    const dense = await openDenseDevice({ bundle });
    const experts = await openExpertDevice({ bundle });
    const units = Array.from({ length: config.layers * config.experts }, (_, i) => {
      return { layer: Math.floor(i / config.experts), expert: i % config.experts };
    });
    await experts.load(units);
    expect(prompts.length).toBeGreaterThan(2);
    let far = 0;
    for (const { ids, top } of prompts) {
      const { logits } = await drive({ config, dense, experts, rules, ids, steps: [ids.length] });
      const last = logits.at(-1)!;
      const likeliest = last.indexOf(Math.max(...last));
      expect(likeliest).toBe(top[0]!.id);
      for (const { id, logit } of top) far = Math.max(far, Math.abs(last[id]! - logit));
    }
    expect(far).toBeLessThan(within);
    await experts.dispose();
    await dense.dispose();
  });
});
