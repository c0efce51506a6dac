// Growth in width without noise changes no logit. The slow suite does the same for all layouts.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { grow } from '../../../model/grow/grow.ts';
import { runCheckpoint } from '../../oracle/run-case.ts';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';
import { largestError, readJson, refusedWidth, widthError, writeCase } from './support.ts';

describe('the grown model has the logits of its source', () => {
  it.each([
    ['softmax, raw', 'sigma-2', undefined],
    ['softmax with a selection bias', 'ernie4_5_moe-2', undefined],
    ['sigmoid, raw, with a selection bias', 'sigma-1', undefined],
    ['stacks with biases', 'gpt_oss-3', undefined],
    ['sigmoid, raw, with groups, three times the experts', 'glm4_moe-3', 3],
  ])('%s: %s', async (_, name, times) => {
    const { n_routed_experts: experts } = await readJson(await writeCase(name));
    expect(await widthError(name, times && Number(experts) * times)).toBeLessThan(1e-5);
  });
});

it('the config has twice the experts and twice as many for each token, and the factors that keep the function', async () => {
  const [sigma, glm] = await Promise.all(
    ['sigma-1', 'glm4_moe-3'].map(async (name) => {
      const from = await writeCase(name);
      await grow({ from, to: `${from}-grown`, growth: { kind: 'width', noise: 0, seed: 1 } });
      return { before: await readJson(from), after: await readJson(`${from}-grown`) };
    }),
  );
  // Of one expert, the sigmoid itself is the weight; of two, it must not be divided by the sum.
  expect(sigma?.before).toMatchObject({ norm_topk_prob: true, routed_scaling_factor: 2.5 });
  expect(sigma?.after).toEqual({
    ...sigma?.before,
    n_routed_experts: 2 * Number(sigma?.before.n_routed_experts),
    num_experts_per_tok: 2,
    norm_topk_prob: false,
    routed_scaling_factor: 1.25,
  });
  expect(glm?.before).toMatchObject({ n_group: 4, topk_group: 2, routed_scaling_factor: 1.8 });
  expect(glm?.after).toMatchObject({ n_group: 8, topk_group: 4, routed_scaling_factor: 0.9 });
});

it('a model with prototypes has copies of them, at half the weight', async () => {
  const from = join(await tinyFolder(), 'from');
  const { json } = await writeCheckpoint(from, { experts: 8, prototypes: 2, layers: 2 });
  await grow({ from, to: `${from}-grown`, growth: { kind: 'width', noise: 0, seed: 1 } });
  expect(await readJson(`${from}-grown`)).toEqual({
    ...json,
    ...{ num_experts: 16, num_experts_per_tok: 4, num_expert_prototypes: 4, routed_scaling_factor: 0.5 },
  });
  const tokens = Array.from({ length: 12 }, (_, i) => 20 * i);
  const [before, after] = [
    await runCheckpoint(from, tokens, { bits: 32, shards: 1 }),
    await runCheckpoint(`${from}-grown`, tokens, { bits: 32, shards: 1 }),
  ];
  expect(largestError(after.logits, before.logits)).toBeLessThan(1e-5);
});

it.each(Object.entries(refusedWidth))('%s is refused: %s', async (name, message) => {
  const from = await writeCase(name);
  const growth = { kind: 'width', seed: 1 } as const;
  await expect(grow({ from, to: `${from}-grown`, growth })).rejects.toThrow(message);
});

it('refuses a number of experts that is not a multiple of the source’s', async () => {
  const from = await writeCase('mixtral-3');
  const growth = { kind: 'width', experts: 7, seed: 1 } as const;
  await expect(grow({ from, to: `${from}-grown`, growth })).rejects.toThrow(
    'cannot become 7: give a multiple',
  );
});
