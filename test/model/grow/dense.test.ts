// A dense model becomes a mixture that computes the same. The reference is the dense model as a mixture of one expert.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mixtureJson } from '../../../model/grow/dense-config.ts';
import { grow } from '../../../model/grow/grow.ts';
import { runCheckpoint } from '../../oracle/run-case.ts';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';
import { encodeSafetensors, type FloatTensor } from '../../support/models/safetensors-writer.ts';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';
import { floatsOf, largestError, readJson, tensorBytesOf } from './support.ts';

const renamings: Readonly<Record<string, readonly [RegExp, string][]>> = {
  mixtral: [
    [/block_sparse_moe\.experts\.0\.w1/, 'mlp.gate_proj'],
    [/block_sparse_moe\.experts\.0\.w2/, 'mlp.down_proj'],
    [/block_sparse_moe\.experts\.0\.w3/, 'mlp.up_proj'],
  ],
  qwen3_moe: [[/mlp\.experts\.0\./, 'mlp.']],
};

/** The dense model, and the same as a mixture of one expert. `fields` replaces fields of the dense config.json. */
async function models(layout: 'mixtral' | 'qwen3_moe', type: string, fields: Record<string, unknown> = {}) {
  const folder = await tinyFolder();
  const shape = { layers: 2, experts: 1, k: 1, hidden: 48, headDim: 12, inner: 40, vocab: 60 } as const;
  const score = 'softmax-renormalised' as const;
  const mixture = await writeCheckpoint(join(folder, 'mixture'), { ...shape, score, layout });
  const tensors = new Map<string, FloatTensor>();
  for (const [name, tensor] of mixture.tensors) {
    if (name.endsWith('gate.weight')) continue;
    tensors.set(
      renamings[layout]!.reduce((each, [from, to]) => each.replace(from, to), name),
      tensor,
    );
  }
  const dense = join(folder, 'dense');
  await mkdir(dense);
  await writeFile(join(dense, 'model.safetensors'), encodeSafetensors(tensors, 'f32'));
  const { num_local_experts: _, num_experts: __, num_experts_per_tok: ___, ...json } = mixture.json;
  const given = { ...json, model_type: type, architectures: ['Dense'], intermediate_size: 40, ...fields };
  await writeFile(join(dense, 'config.json'), JSON.stringify(given));
  return { dense, mixture: mixture.dir };
}

const tokens = [3, 1, 4, 1, 5, 9, 2, 6, 53, 58];
const options = { bits: 32, shards: 1 } as const;

describe.each([
  ['mixtral', 'llama'],
  ['mixtral', 'mistral'],
  ['qwen3_moe', 'qwen3'],
] as const)('%s from %s', (layout, type) => {
  it('computes what the dense model does, with any router', async () => {
    const { dense, mixture } = await models(layout, type);
    const to = `${dense}-grown`;
    const { config } = await grow({ from: dense, to, growth: { kind: 'width', experts: 5, seed: 3 } });
    expect(config).toMatchObject({ layout, experts: 5, expertsPerToken: [1, 1] });
    const [after, before] = [
      await runCheckpoint(to, tokens, options),
      await runCheckpoint(mixture, tokens, options),
    ];
    expect(largestError(after.logits, before.logits)).toBeLessThan(1e-6);
    expect(new Set(after.routing.flat(2)).size).toBeGreaterThan(1);
  });
});

it('router rows are random with the deviation of the config, and a seed repeats them', async () => {
  const { dense } = await models('mixtral', 'llama', { initializer_range: 0.1 });
  const routers = await Promise.all(
    [1, 1, 2].map(async (seed, i) => {
      const to = `${dense}-${i}`;
      await grow({ from: dense, to, growth: { kind: 'width', experts: 100, seed } });
      return (await tensorBytesOf(to)).get('model.layers.1.block_sparse_moe.gate.weight')!;
    }),
  );
  expect(routers[1]).toEqual(routers[0]);
  expect(routers[2]).not.toEqual(routers[0]);
  const values = floatsOf(routers[0]);
  expect(Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length)).toBeCloseTo(0.1, 2);
});

it('with noise, all experts but the first differ from the MLP', async () => {
  const { dense } = await models('qwen3_moe', 'qwen3');
  const to = `${dense}-grown`;
  await grow({ from: dense, to, growth: { kind: 'width', experts: 3, noise: 0.01, seed: 1 } });
  const [before, after] = [await tensorBytesOf(to), await readJson(to)];
  const expert = (number: number) => before.get(`model.layers.0.mlp.experts.${number}.up_proj.weight`)!;
  expect(expert(1).equals(expert(0))).toBe(false);
  expect(expert(2).equals(expert(1))).toBe(false);
  expect(after).toMatchObject({ model_type: 'qwen3_moe', architectures: ['Qwen3MoeForCausalLM'] });
});

it('absent fields get the defaults of the dense model', async () => {
  const absent = { num_key_value_heads: undefined, rms_norm_eps: undefined, rope_theta: undefined };
  const { dense } = await models('mixtral', 'llama', absent);
  const growth = { kind: 'width', experts: 2, seed: 1 } as const;
  // The tensors have 2 heads of keys and values, and the config of a Llama without the field means 4.
  await expect(grow({ from: dense, to: `${dense}-grown`, growth })).rejects.toThrow(
    'tensor model.layers.0.self_attn.k_proj.weight: has shape [24,48]; config.json describes [48,48]',
  );
  const { dense: other } = await models('mixtral', 'llama', { ...absent, num_key_value_heads: 2 });
  const { config } = await grow({ from: other, to: `${other}-grown`, growth });
  expect(config).toMatchObject({ normEps: 1e-6, rope: { base: 10_000 } });
});

it.each(['llama', 'mistral', 'qwen3'])('null key heads of %s are as many as query heads', (type) => {
  const json = { model_type: type, num_attention_heads: 6, num_key_value_heads: null };
  expect(mixtureJson(json, 2, 'config.json')).toMatchObject({ num_key_value_heads: 6 });
});

describe('refuses', () => {
  it.each([
    ['growth in depth', 'llama', {}, { kind: 'depth', keepEnds: 0 }, 'only --experts grows it'],
    ['a missing number', 'llama', {}, { kind: 'width', seed: 1 }, 'only with --experts of at least 2'],
    ['biases of MLPs', 'llama', { mlp_bias: true }, undefined, 'field mlp_bias: true is not supported'],
    ['biases of attention', 'llama', { attention_bias: true }, undefined, 'field attention_bias: true'],
    [
      'windows of some layers',
      'qwen3',
      { use_sliding_window: true, sliding_window: 8 },
      undefined,
      'field use_sliding_window: is true without layer_types',
    ],
    ['another width', 'llama', { intermediate_size: 41 }, undefined, 'gate_proj.weight: has shape [40,48]'],
    ['fewer layers', 'llama', { num_hidden_layers: 1 }, undefined, 'is not part of the dense model'],
    ['more layers', 'llama', { num_hidden_layers: 3 }, undefined, 'is missing, though config.json describes'],
    ['another tied head', 'llama', { tie_word_embeddings: true }, undefined, 'differs from the embedding'],
    [
      'quantised weights',
      'llama',
      { quantization_config: { quant_method: 'fp8' } },
      undefined,
      'quantised weights cannot be grown',
    ],
  ] as const)('%s', async (_, type, fields, growth, message) => {
    const { dense } = await models(type === 'llama' ? 'mixtral' : 'qwen3_moe', type, fields);
    const usual = { kind: 'width', experts: 2, seed: 1 } as const;
    await expect(grow({ from: dense, to: `${dense}-grown`, growth: growth ?? usual })).rejects.toThrow(
      message,
    );
  });
});
