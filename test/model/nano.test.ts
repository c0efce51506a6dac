// The embedded model: its size, its conversion from the floats that it stands for, and its logits, compared with
// train/golden.py.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { routingRules } from '../../gateway/engine/scheduling/rules.ts';
import { type Bundle, openBundle } from '../../model/bundle/bundle.ts';
import { denseTensors } from '../../model/bundle/tensors.ts';
import { convert } from '../../model/convert/convert.ts';
import { openDenseDevice, openExpertDevice } from '../../model/devices/open.ts';
import { dequantize } from '../../model/tiles.ts';
import { drive } from '../support/drive.ts';
import { nano, nanoAt, nanoCheckpoint } from '../support/models/nano.ts';
import { tinyFolder } from '../support/models/tiny-bundle.ts';

const bundle = await openBundle(nano);
afterAll(() => bundle.close());

/** Every matrix of the dense part, and those of the first and the last expert of each layer, as floats. */
async function floatsOf(bundle: Bundle): Promise<Map<string, Float32Array>> {
  const { config } = bundle;
  const floats = new Map<string, Float32Array>();
  for (const { kind, name } of denseTensors(config)) {
    floats.set(
      name,
      kind === 'matrix' ? dequantize(await bundle.readMatrix(name)) : await bundle.readVector(name),
    );
  }
  for (let layer = 0; layer < config.layers; layer++) {
    for (const expert of [0, config.experts - 1]) {
      const { gate, up, down } = await bundle.readExpert({ layer, expert });
      for (const [part, matrix] of Object.entries({ gate, up, down })) {
        floats.set(`${layer} ${expert} ${part}`, dequantize(matrix));
      }
    }
  }
  return floats;
}

describe('nano', () => {
  it('has 96 experts in every layer, one active with its raw softmax weight, and at most 30 MB', async () => {
    const { experts, expertsPerToken, routing } = bundle.config;
    expect(experts).toBe(96);
    expect(new Set(expertsPerToken)).toEqual(new Set([1]));
    expect(routing).toMatchObject({ score: 'softmax', renormalise: false });
    const sizes = await Promise.all(
      (await readdir(nano)).map(async (name) => (await stat(join(nano, name))).size),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(30e6);
  });

  it('is the 8-bit bundle of the checkpoint that is exported from it', async () => {
    const to = join(await tinyFolder(), 'again');
    const { identity, contentHash } = bundle.manifest;
    expect(await convert({ from: await nanoCheckpoint(), to, bits: 8 })).toMatchObject({
      identity,
      contentHash,
    });
  });

  it('has the same floats and the same identity at 32 bits', async () => {
    const converted = await openBundle(await nanoAt(32));
    expect([converted.bits, converted.manifest.identity]).toEqual([32, bundle.manifest.identity]);
    expect(await floatsOf(converted)).toEqual(await floatsOf(bundle));
    await converted.close();
  });

  // At 8 bits activations are rounded: on these prompts a logit of about 5 moves by up to 0.05.
  it.each([
    [32, 1e-3],
    [8, 0.15],
  ] as const)('at %i bits gives the logits that PyTorch computes from its floats', async (bits, within) => {
    const golden = join(import.meta.dirname, '..', 'golden', 'nano.json');
    const prompts: GoldenPrompt[] = JSON.parse(await readFile(golden, 'utf8'));
    expect(prompts.length).toBeGreaterThan(2);
    expect(await farthestLogit(await nanoAt(bits), prompts)).toBeLessThan(within);
  });
});

/** What PyTorch computes in float64 for the last position of a prompt. */
interface GoldenPrompt {
  ids: number[];
  top: { id: number; logit: number }[];
}

/** Farthest distance of a likely logit from the golden one. The likeliest token must be the same. */
async function farthestLogit(dir: string, prompts: readonly GoldenPrompt[]): Promise<number> {
  const bundle = await openBundle(dir);
  const { config } = bundle;
  const rules = await routingRules(bundle);
  const dense = await openDenseDevice({ bundle });
  const experts = await openExpertDevice({ bundle });
  const units = Array.from({ length: config.layers * config.experts }, (_, i) => {
    return { layer: Math.floor(i / config.experts), expert: i % config.experts };
  });
  await experts.load(units);
  let far = 0;
  for (const { ids, top } of prompts) {
    const { logits } = await drive({ config, dense, experts, rules, ids, steps: [ids.length] });
    const last = logits.at(-1)!;
    expect(last.indexOf(Math.max(...last))).toBe(top[0]!.id);
    for (const { id, logit } of top) far = Math.max(far, Math.abs(last[id]! - logit));
  }
  await experts.dispose();
  await dense.dispose();
  await bundle.close();
  return far;
}
