// What a config.json means, layout by layer, and every way in which it is refused.
import { describe as describeTests, expect, it } from 'vitest';
import { type ModelConfig, parseConfig } from '../../../model/config/config.ts';
import { InputError } from '../../../model/errors.ts';
import { type CheckpointOptions, describe } from '../../support/models/checkpoint.ts';
import { configJson } from '../../support/models/checkpoint-config.ts';

const parse = (json: unknown) => parseConfig(json, 'config.json');
const jsonOf = (options: CheckpointOptions = {}) =>
  configJson(describe(options), { dtype: 'f32', k: options.k });

/** The smallest config.json of each layout. Absent fields have the defaults of Hugging Face. */
const bare = {
  qwen3_moe: {
    model_type: 'qwen3_moe',
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 8,
    num_experts: 8,
    num_experts_per_tok: 2,
    moe_intermediate_size: 48,
    vocab_size: 100,
  },
  mixtral: {
    model_type: 'mixtral',
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 8,
    num_local_experts: 8,
    num_experts_per_tok: 2,
    intermediate_size: 48,
    vocab_size: 100,
  },
  olmoe: {
    model_type: 'olmoe',
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 8,
    num_experts: 8,
    num_experts_per_tok: 2,
    intermediate_size: 48,
    vocab_size: 100,
  },
};

describeTests('a config as written', () => {
  it.each<CheckpointOptions>([
    { layout: 'qwen3_moe', headDim: 10, kvHeads: 1 },
    { layout: 'qwen3_moe', score: 'softmax-renormalised', k: [1, 3], tied: true },
    { layout: 'qwen3_moe', score: 'sigmoid', k: 2, routedScale: 2.5 },
    { layout: 'qwen3_moe', prototypes: 4, routedScale: 0.25 },
    { layout: 'qwen3_moe', ropeScaling: { type: 'linear', factor: 4 } },
    {
      layout: 'mixtral',
      ropeScaling: { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 64 },
    },
    {
      layout: 'olmoe',
      k: 4,
      ropeBase: 50_000,
      ropeScaling: {
        type: 'yarn',
        factor: 4,
        originalContext: 64,
        betaFast: 24,
        betaSlow: 2,
        attentionFactor: 1.25,
        truncate: false,
      },
    },
  ])('is read back: %o', (options) => {
    expect(parse(jsonOf(options))).toEqual(describe(options));
  });
});

describeTests('an absent field', () => {
  const shared: Partial<ModelConfig> = {
    hidden: 64,
    layers: 2,
    heads: 8,
    headDim: 8,
    experts: 8,
    inner: 48,
    vocab: 100,
  };
  const routing = { score: 'softmax', selectionBias: false, scale: 1 } as const;
  const plain = { scaling: { type: 'default' } } as const;

  it('has the default of Qwen3-MoE', () => {
    expect(parse(bare.qwen3_moe)).toEqual({
      ...shared,
      layout: 'qwen3_moe',
      kvHeads: 4,
      expertsPerToken: [2, 2],
      context: 32_768,
      normEps: 1e-6,
      qkNorm: 'head',
      rope: { base: 10_000, ...plain },
      tiedEmbeddings: false,
      routing: { ...routing, renormalise: false },
    });
  });

  it('has the default of Mixtral', () => {
    expect(parse(bare.mixtral)).toMatchObject({
      ...shared,
      kvHeads: 8,
      context: 131_072,
      normEps: 1e-5,
      qkNorm: 'none',
      rope: { base: 1_000_000, ...plain },
      routing: { ...routing, renormalise: true },
    });
  });

  it('has the default of OLMoE, such as one key head for each query head', () => {
    expect(parse(bare.olmoe)).toMatchObject({
      ...shared,
      kvHeads: 8,
      context: 4096,
      normEps: 1e-5,
      qkNorm: 'projection',
      rope: { base: 10_000, ...plain },
      routing: { ...routing, renormalise: false },
    });
  });

  it('may also be null', () => {
    const nulls = { head_dim: null, rope_scaling: null, sliding_window: null, num_key_value_heads: null };
    expect(parse({ ...bare.mixtral, ...nulls })).toEqual(parse(bare.mixtral));
  });
});

it('one prototype of all experts is the plain rule', () => {
  const one = { ...bare.qwen3_moe, num_experts_per_tok: 1 };
  expect(parse({ ...one, num_expert_prototypes: 1 })).toEqual(parse(one));
});

describeTests('rope', () => {
  const rope = (fields: Record<string, unknown>) => parse({ ...bare.qwen3_moe, ...fields }).rope;

  it('is read in the new form, with the base inside', () => {
    expect(rope({ rope_parameters: { rope_type: 'default', rope_theta: 5e5 } })).toEqual({
      base: 5e5,
      scaling: { type: 'default' },
    });
  });

  it('is read in the form with `type`', () => {
    expect(rope({ rope_scaling: { type: 'linear', factor: 2 } }).scaling).toEqual({
      type: 'linear',
      factor: 2,
    });
  });

  it('gives YaRN its defaults: 32 and 1 turns, attention 0.1 ln(factor) + 1', () => {
    const rope_scaling = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 8192 };
    expect(rope({ rope_scaling }).scaling).toEqual({
      type: 'yarn',
      factor: 4,
      originalContext: 8192,
      betaFast: 32,
      betaSlow: 1,
      attentionFactor: 0.1 * Math.log(4) + 1,
      truncate: true,
    });
  });

  it("divides DeepSeek's two attention factors", () => {
    const rope_scaling = { rope_type: 'yarn', factor: 40, mscale: 1, mscale_all_dim: 0.5 };
    const { scaling } = rope({ rope_scaling });
    if (scaling.type !== 'yarn') throw new Error(scaling.type);
    expect(scaling.attentionFactor).toBeCloseTo((0.1 * Math.log(40) + 1) / (0.05 * Math.log(40) + 1), 12);
    expect(scaling.originalContext).toBe(32_768);
  });
});

describeTests('a refusal names file and field', () => {
  const cases: [field: string, change: Record<string, unknown>, reason: string][] = [
    ['model_type', { model_type: 'llama' }, '"llama" is not supported'],
    ['model_type', { model_type: 7 }, 'not a string'],
    ['hidden_size', { hidden_size: undefined }, 'is missing'],
    ['hidden_size', { hidden_size: '64' }, 'is "64", not a number'],
    ['hidden_size', { hidden_size: 64.5 }, 'is 64.5, not a whole number'],
    ['hidden_size', { hidden_size: -64 }, 'is -64'],
    ['hidden_size', { hidden_size: 1e18 }, 'not a whole number from 1'],
    ['num_hidden_layers', { num_hidden_layers: 0 }, 'is 0'],
    ['num_hidden_layers', { num_hidden_layers: 1e6 }, 'at most 4096'],
    ['num_key_value_heads', { num_key_value_heads: 3 }, 'does not divide the 8'],
    ['num_key_value_heads', { num_key_value_heads: 16 }, 'does not divide the 8'],
    ['head_dim', { num_attention_heads: 12, num_key_value_heads: 12 }, 'not a multiple of 12 heads'],
    ['head_dim', { head_dim: 9 }, 'even'],
    ['num_experts_per_tok', { num_experts_per_tok: 9 }, '9 is not a whole number from 1 to the 8 experts'],
    ['num_experts_per_tok', { num_experts_per_tok: [1] }, 'lists 1 entries for 2 layers'],
    ['num_experts_per_tok', { num_experts_per_tok: [1, 0] }, '0 is not'],
    ['num_local_experts', { num_local_experts: 4 }, 'contradicts num_experts 8'],
    ['vocab_size', { vocab_size: Number.NaN }, 'is missing'],
    ['rms_norm_eps', { rms_norm_eps: 0 }, 'is 0, not a number above 0'],
    ['hidden_act', { hidden_act: 'gelu' }, '"gelu" is not supported'],
    ['clip_qkv', { clip_qkv: 8 }, '8 is not supported'],
    ['shared_expert_intermediate_size', { shared_expert_intermediate_size: 64 }, 'is not supported'],
    ['n_shared_experts', { n_shared_experts: 1 }, 'is not supported'],
    ['n_group', { n_group: 8 }, 'is not supported'],
    ['first_k_dense_replace', { first_k_dense_replace: 1 }, 'is not supported'],
    [
      'layer_types',
      { layer_types: ['full_attention', 'linear_attention'] },
      '"linear_attention" is not supported',
    ],
    ['num_expert_prototypes', { num_expert_prototypes: 4 }, 'is 4, and num_experts_per_tok is 2'],
    ['num_expert_prototypes', { num_expert_prototypes: 1 }, 'is 1, and num_experts_per_tok is 2'],
    ['num_expert_prototypes', { num_expert_prototypes: 2.5 }, 'is 2.5, not a whole number'],
    [
      'num_expert_prototypes',
      { num_expert_prototypes: 2, num_experts_per_tok: [2, 1] },
      'num_experts_per_tok is [2,1]; they must be equal',
    ],
    [
      'num_expert_prototypes',
      { num_expert_prototypes: 3, num_experts_per_tok: 3 },
      'does not cut the 8 experts into groups of equal size',
    ],
    [
      'num_expert_prototypes',
      { num_expert_prototypes: 2, scoring_func: 'sigmoid' },
      'prototypes need "softmax"',
    ],
    ['num_expert_prototypes', { num_expert_prototypes: 2, norm_topk_prob: true }, 'prototypes need false'],
    ['n_group', { num_expert_prototypes: 2, n_group: 2 }, '2 is not supported'],
    ['norm_topk_prob', { norm_topk_prob: 'yes' }, 'not true or false'],
    ['scoring_func', { scoring_func: 'tanh' }, '"tanh" is not supported'],
    ['topk_method', { scoring_func: 'sigmoid', topk_method: 'group_limited' }, 'is not supported'],
    ['routed_scaling_factor', { routed_scaling_factor: -1 }, 'is -1'],
    ['rope_theta', { rope_theta: 0 }, 'is 0'],
    ['partial_rotary_factor', { partial_rotary_factor: 0.5 }, '0.5 is not supported in this layout'],
    ['mlp_only_layers', { mlp_only_layers: [2] }, '[2] is not a list of layers from 0 to 1'],
    ['intermediate_size', { mlp_only_layers: [0] }, 'is missing'],
    ['mlp_only_layers', { mlp_only_layers: [0, 1], intermediate_size: 8 }, 'leaves none of the 2 layers'],
    [
      'rope_scaling.rope_type',
      { rope_scaling: { rope_type: 'dynamic', factor: 2 } },
      '"dynamic" is not supported',
    ],
    ['rope_scaling.type', { rope_scaling: { type: 'longrope' } }, '"longrope" is not supported'],
    ['rope_scaling.factor', { rope_scaling: { type: 'linear' } }, 'is missing'],
    ['rope_scaling.short_factor', { rope_scaling: { type: 'yarn', short_factor: [1] } }, 'is not supported'],
    ['rope_scaling', { rope_scaling: { type: 'linear', factor: 2 }, rope_parameters: {} }, 'both given'],
    ['rope_scaling', { rope_scaling: 'linear' }, 'is not a JSON object'],
    ['rope_parameters.full_attention', { rope_parameters: { full_attention: {} } }, 'is not supported'],
  ];

  it.each(cases)('%s: %o', (field, change, reason) => {
    const json: unknown = JSON.parse(JSON.stringify({ ...bare.qwen3_moe, ...change }));
    expect(() => parse(json)).toThrow(InputError);
    expect(() => parse(json)).toThrow(`config.json: field ${field}:`);
    expect(() => parse(json)).toThrow(reason);
  });

  it('for prototypes in a layout without them', () => {
    expect(() => parse({ ...bare.olmoe, num_expert_prototypes: 2 })).toThrow(
      'num_expert_prototypes: 2 is not',
    );
  });

  it('for a Mixtral without renormalisation', () => {
    expect(parse({ ...bare.mixtral, sliding_window: 131_072 }).context).toBe(131_072);
    expect(() => parse({ ...bare.mixtral, norm_topk_prob: false })).toThrow('norm_topk_prob');
    expect(() => parse({ ...bare.mixtral, scoring_func: 'sigmoid' })).toThrow('scoring_func');
  });

  it('for a file that is not a JSON object', () => {
    for (const json of [null, 3, 'x', []])
      expect(() => parse(json)).toThrow('config.json: is not a JSON object');
  });
});
