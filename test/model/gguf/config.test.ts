// The config.json of GGUF models of each architecture: what llama.cpp's converter writes from a published config.json leads back to it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../../model/config/config.ts';
import { InputError } from '../../../model/errors.ts';
import { ggufArchitectures, ggufConfig } from '../../../model/gguf/config/config.ts';
import { llama3Factors } from '../../../model/gguf/config/rope.ts';
import { parseHeader } from '../../../model/gguf/header.ts';
import { shortest } from '../../../model/gguf/metadata.ts';
import { openGguf } from '../../../model/gguf/read.ts';
import { ggufBytes, type TensorPart, values } from './gguf-bytes.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gguf-config-'));
});
afterAll(() => rm(dir, { recursive: true }));

type Keys = Record<string, Buffer>;

const f32s = (name: string, dimensions: number[], data?: readonly number[]): TensorPart => {
  const count = dimensions.reduce((product, length) => product * length, 1);
  return {
    name,
    dimensions,
    type: 0,
    data: Buffer.from(Float32Array.from(data ?? new Float32Array(count)).buffer),
  };
};

/** Keys that all files have; a later key of the same name replaces them. */
const common: Keys = {
  block_count: values.u32(4),
  context_length: values.u32(4096),
  embedding_length: values.u32(64),
  feed_forward_length: values.u32(96),
  'attention.head_count': values.u32(4),
  'attention.head_count_kv': values.u32(2),
  'attention.layer_norm_rms_epsilon': values.f32(1e-5),
  'rope.freq_base': values.f32(500_000),
};

const experts: Keys = {
  expert_count: values.u32(8),
  expert_used_count: values.u32(2),
  expert_feed_forward_length: values.u32(32),
};

const embedding = f32s('token_embd.weight', [64, 10]);
const stack = f32s('blk.0.ffn_down_exps.weight', [32, 64, 2]);

function bytesOf(architecture: string, keys: Keys, tensors: TensorPart[]): Buffer {
  const named = Object.entries({ ...common, ...keys });
  return ggufBytes({
    keys: [
      ['general.architecture', values.string(architecture)],
      ['tokenizer.ggml.bos_token_id', values.u32(1)],
      ['tokenizer.ggml.eos_token_id', values.u32(2)],
      ...named.map(([key, value]) => [`${architecture}.${key}`, value] as const),
    ],
    tensors: [embedding, stack, ...tensors],
  });
}

async function configOf(architecture: string, keys: Keys, tensors: TensorPart[] = []) {
  const path = join(dir, `${architecture}.gguf`);
  await writeFile(path, bytesOf(architecture, keys, tensors));
  return ggufConfig(await openGguf(path));
}

/** The config of a model whose tensors are not read, without a file. */
function unreadConfigOf(architecture: string, keys: Keys, tensors: TensorPart[]) {
  const bytes = bytesOf(architecture, keys, tensors);
  const path = 'x.gguf';
  const header = parseHeader(bytes, bytes.length, path);
  const entries = header.tensors.map((tensor) => [tensor.name, { ...tensor, path }] as const);
  return ggufConfig({ path, paths: [path], metadata: header.metadata, tensors: new Map(entries) });
}

const expectedCommon = {
  hidden_act: 'silu',
  hidden_size: 64,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  rope_theta: 500_000,
  vocab_size: 10,
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: 2,
};

const deepseekKeys: Keys = {
  ...experts,
  expert_shared_count: values.u32(1),
  leading_dense_block_count: values.u32(1),
  expert_weights_norm: values.bool(1),
  expert_weights_scale: values.f32(2.5),
  expert_gating_func: values.u32(2),
  expert_group_count: values.u32(4),
  expert_group_used_count: values.u32(2),
};
const deepseekFields = {
  intermediate_size: 96,
  moe_intermediate_size: 32,
  num_experts_per_tok: 2,
  first_k_dense_replace: 1,
  norm_topk_prob: true,
  routed_scaling_factor: 2.5,
  n_group: 4,
  topk_group: 2,
};

const qBias = f32s('blk.0.attn_q.bias', [64]);
const qNorm = f32s('blk.0.attn_q_norm.weight', [16]);
const selectionBias = f32s('blk.1.exp_probs_b.bias', [8]);

describe('the config.json', () => {
  const cases: [string, Keys, TensorPart[], Record<string, unknown>][] = [
    [
      'llama',
      {},
      [f32s('output.weight', [64, 10])],
      {
        model_type: 'llama',
        intermediate_size: 96,
        attention_bias: false,
        mlp_bias: false,
        tie_word_embeddings: false,
      },
    ],
    [
      'llama',
      experts,
      [],
      {
        model_type: 'mixtral',
        intermediate_size: 32,
        num_local_experts: 8,
        num_experts_per_tok: 2,
        sliding_window: null,
      },
    ],
    [
      'qwen3moe',
      { ...experts, 'attention.key_length': values.u32(32), 'attention.value_length': values.u32(32) },
      [qNorm],
      {
        model_type: 'qwen3_moe',
        head_dim: 32,
        num_experts: 8,
        num_experts_per_tok: 2,
        moe_intermediate_size: 32,
        norm_topk_prob: true,
        attention_bias: false,
      },
    ],
    [
      'qwen2moe',
      { ...experts, expert_shared_feed_forward_length: values.u32(128) },
      [qBias],
      {
        model_type: 'qwen2_moe',
        moe_intermediate_size: 32,
        shared_expert_intermediate_size: 128,
        norm_topk_prob: false,
        qkv_bias: true,
      },
    ],
    [
      'olmoe',
      experts,
      [],
      { model_type: 'olmoe', intermediate_size: 32, norm_topk_prob: false, clip_qkv: null },
    ],
    [
      'gpt-oss',
      {
        ...experts,
        'attention.sliding_window': values.u32(128),
        'rope.scaling.type': values.string('yarn'),
        'rope.scaling.factor': values.f32(32),
        'rope.scaling.original_context_length': values.u32(4096),
      },
      [],
      {
        model_type: 'gpt_oss',
        intermediate_size: 32,
        num_local_experts: 8,
        num_experts_per_tok: 2,
        sliding_window: 128,
        swiglu_limit: 7,
        layer_types: ['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention'],
        rope_scaling: {
          rope_type: 'yarn',
          factor: 32,
          original_max_position_embeddings: 4096,
          beta_fast: 32,
          beta_slow: 1,
          truncate: false,
        },
      },
    ],
    [
      'granitemoe',
      {
        ...experts,
        embedding_scale: values.f32(12),
        residual_scale: values.f32(0.22),
        'attention.scale': values.f32(0.015625),
        logit_scale: values.f32(6),
        'rope.dimension_count': values.u32(16),
      },
      [],
      {
        model_type: 'granitemoe',
        intermediate_size: 32,
        embedding_multiplier: 12,
        residual_multiplier: 0.22,
        attention_multiplier: 0.015625,
        logits_scaling: 6,
      },
    ],
    [
      'granitemoe',
      { ...experts, logit_scale: values.f32(6), expert_shared_feed_forward_length: values.u32(48) },
      [],
      {
        model_type: 'granitemoeshared',
        shared_intermediate_size: 48,
        attention_multiplier: 0.25,
        residual_multiplier: 1,
      },
    ],
    [
      'glm4moe',
      {
        ...deepseekKeys,
        block_count: values.u32(5),
        nextn_predict_layers: values.u32(1),
        'rope.dimension_count': values.u32(8),
      },
      [qBias, qNorm],
      {
        model_type: 'glm4_moe',
        ...deepseekFields,
        n_routed_experts: 8,
        n_shared_experts: 1,
        partial_rotary_factor: 0.5,
        use_qk_norm: true,
        attention_bias: true,
        num_nextn_predict_layers: 1,
      },
    ],
    [
      'dots1',
      deepseekKeys,
      [qNorm],
      { model_type: 'dots1', ...deepseekFields, n_routed_experts: 8, n_shared_experts: 1 },
    ],
    [
      'bailingmoe2',
      {
        ...deepseekKeys,
        expert_shared_feed_forward_length: values.u32(32),
        'rope.dimension_count': values.u32(8),
      },
      [qNorm, selectionBias],
      {
        model_type: 'bailing_moe_v2',
        ...deepseekFields,
        num_experts: 8,
        num_shared_experts: 1,
        partial_rotary_factor: 0.5,
        moe_router_enable_expert_bias: true,
        use_qk_norm: true,
        use_qkv_bias: false,
      },
    ],
    [
      'llama4',
      { ...experts, expert_used_count: values.u32(1), interleave_moe_layer_step: values.u32(2) },
      [],
      {
        model_type: 'llama4_text',
        intermediate_size: 32,
        intermediate_size_mlp: 96,
        interleave_moe_layer_step: 2,
        no_rope_layers: [1, 1, 1, 0],
        attention_chunk_size: 8192,
        use_qk_norm: true,
      },
    ],
    [
      'ernie4_5-moe',
      {
        ...experts,
        expert_shared_count: values.u32(2),
        expert_shared_feed_forward_length: values.u32(24),
        interleave_moe_layer_step: values.u32(1),
        leading_dense_block_count: values.u32(1),
      },
      [selectionBias],
      {
        model_type: 'ernie4_5_moe',
        moe_intermediate_size: 32,
        moe_num_experts: 8,
        moe_k: 2,
        moe_num_shared_experts: 2,
        moe_layer_interval: 1,
        moe_layer_start_index: 1,
      },
    ],
    [
      'hunyuan-moe',
      {
        ...experts,
        expert_shared_count: values.u32(1),
        expert_shared_feed_forward_length: values.u32(32),
        'rope.scaling.type': values.string('none'),
        'rope.scaling.factor': values.f32(1),
        'rope.scaling.original_context_length': values.u32(262_144),
      },
      [qNorm],
      {
        model_type: 'hunyuan_v1_moe',
        intermediate_size: 32,
        num_experts: 8,
        moe_topk: 2,
        num_shared_expert: 1,
        use_qk_norm: true,
      },
    ],
    [
      'minimax-m2',
      { ...experts, expert_gating_func: values.u32(2), 'rope.dimension_count': values.u32(8) },
      [qNorm, selectionBias],
      {
        model_type: 'minimax_m2',
        intermediate_size: 32,
        rotary_dim: 8,
        scoring_func: 'sigmoid',
        use_routing_bias: true,
        use_qk_norm: true,
      },
    ],
  ];

  it('is tested for each architecture', () => {
    expect(new Set(cases.map(([architecture]) => architecture))).toEqual(new Set(ggufArchitectures));
  });

  it.each(cases)(
    'of a model of %s has the fields of Hugging Face',
    async (architecture, keys, tensors, fields) => {
      expect(await configOf(architecture, keys, tensors)).toMatchObject({ ...expectedCommon, ...fields });
    },
  );

  it('takes the width of experts from their tensors if no key has it', async () => {
    const { expert_feed_forward_length: _, ...older } = experts;
    expect(await configOf('qwen3moe', older)).toMatchObject({ moe_intermediate_size: 32 });
  });

  it('has the scaling of Llama 3 that the factors in the file come from', async () => {
    const setting = {
      rope_type: 'llama3',
      factor: 32,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    } as const;
    const factors = llama3Factors(setting, 500_000, 16);
    expect(factors[0]).toBe(1);
    expect(factors.at(-1)).toBe(32);
    const config = await configOf('llama', experts, [f32s('rope_freqs.weight', [8], factors)]);
    expect(config.rope_scaling).toEqual(setting);
    const changed = factors.with(4, (factors[4] ?? 0) * 1.01);
    await expect(configOf('llama', experts, [f32s('rope_freqs.weight', [8], changed)])).rejects.toThrow(
      'tensor rope_freqs.weight: has factors that are not those of Llama 3',
    );
  });

  it('has no YaRN in GPT-OSS if the file has none, although the class has it by default', async () => {
    const config = await configOf('gpt-oss', { ...experts, 'attention.sliding_window': values.u32(128) });
    expect(parseConfig(config, 'x.gguf').rope.scaling).toEqual({ type: 'default' });
  });

  it('has linear scaling, and a YaRN factor of attention, if the file has them', async () => {
    const linear = { 'rope.scaling.type': values.string('linear'), 'rope.scaling.factor': values.f32(4) };
    expect(await configOf('qwen3moe', { ...experts, ...linear })).toMatchObject({
      rope_scaling: { rope_type: 'linear', factor: 4 },
    });
    const yarn = {
      'rope.scaling.type': values.string('yarn'),
      'rope.scaling.factor': values.f32(4),
      'rope.scaling.yarn_attn_factor': values.f32(1.2),
      'rope.scaling.yarn_beta_fast': values.f32(16),
    };
    const { rope_scaling: scaling } = await configOf('qwen3moe', { ...experts, ...yarn });
    expect(scaling).toEqual({
      rope_type: 'yarn',
      factor: 4,
      beta_fast: 16,
      beta_slow: 1,
      attention_factor: 1.2,
    });
  });

  it.each<[string, string, Keys, string]>([
    ['an unknown architecture', 'mamba', {}, 'key general.architecture: "mamba" is not supported (llama, '],
    [
      'a key that it does not know',
      'llama',
      { 'attention.temperature_length': values.u32(4) },
      'key llama.attention.temperature_length: is not known',
    ],
    ['a missing key', 'qwen3moe', {}, 'key qwen3moe.expert_count: is missing'],
    [
      'a key of another type',
      'olmoe',
      { ...experts, expert_count: values.string('8') },
      'key olmoe.expert_count: is "8", not one whole number',
    ],
    [
      'numbers that differ between layers',
      'llama',
      { 'attention.head_count_kv': values.i32s([2, 2, 1, 2]) },
      'is [2,2,1,2], not one whole number',
    ],
    [
      'softmax scores where they cannot be',
      'glm4moe',
      { ...deepseekKeys, expert_gating_func: values.u32(1) },
      'expert_gating_func: 1 is not supported',
    ],
    [
      'a partial rotation where it cannot be',
      'qwen3moe',
      { ...experts, 'rope.dimension_count': values.u32(8) },
      'rotates 8 of the 16 values',
    ],
    ['long rope', 'llama', { 'rope.scaling.type': values.string('longrope') }, '"longrope" is not supported'],
    [
      'values of another width than keys',
      'llama',
      { 'attention.value_length': values.u32(8) },
      'attention.value_length: differs',
    ],
    [
      'an infinite epsilon',
      'llama',
      { 'attention.layer_norm_rms_epsilon': values.f32(Number.POSITIVE_INFINITY) },
      'not a finite number',
    ],
    [
      'attention that is not causal',
      'llama',
      { 'attention.causal': values.bool(0) },
      'attention.causal: is false',
    ],
  ])('refuses %s by name', async (_, architecture, keys, message) => {
    const run = configOf(architecture, keys);
    await expect(run).rejects.toThrow(InputError);
    await expect(run).rejects.toThrow(message);
  });

  it('is refused or read if any key has a wrong value', async () => {
    const wrong = [
      ...[0, 3, 2 ** 32 - 1].map(values.u32),
      ...[
        values.i32(-1),
        values.f32(Number.NaN),
        values.f32(-1),
        values.f32(1e38),
        values.string(''),
        values.strings([]),
      ],
      ...[values.i32s([]), values.u64(2n ** 64n - 1n), values.bool(1)],
    ];
    const outcomes = { read: 0, refused: 0 };
    for (const [architecture, keys, tensors] of cases) {
      const whole = { ...common, ...keys };
      for (const key of Object.keys(whole)) {
        for (const value of wrong) {
          try {
            parseConfig(await unreadConfigOf(architecture, { ...whole, [key]: value }, tensors), 'x');
            outcomes.read++;
          } catch (error) {
            if (!(error instanceof InputError)) throw error;
            outcomes.refused++;
          }
        }
      }
    }
    expect(outcomes.read).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(1000);
  });

  it('counts a list of equal numbers as one', async () => {
    expect(await configOf('llama', { 'attention.head_count_kv': values.i32s([2, 2, 2, 2]) })).toMatchObject({
      num_key_value_heads: 2,
    });
  });
});

describe('shortest', () => {
  it('gives the decimal that a float32 was written from', () => {
    for (const value of [1e-5, 1e-6, 0.22, 0.015625, 2.5, 1.0000001, 500_000, 0.1]) {
      expect(shortest(Math.fround(value))).toBe(value === 1.0000001 ? 1.0000001 : value);
    }
    expect(shortest(0.1)).toBe(0.1); // a float64 stays as it is
  });
});

it('an id of 2 ** 32 - 1 stands for no token', async () => {
  const path = join(dir, 'no-token.gguf');
  await writeFile(path, bytesOf('llama', experts, []));
  const model = await openGguf(path);
  const metadata = new Map([...model.metadata, ['tokenizer.ggml.bos_token_id', 2 ** 32 - 1]]);
  const config = await ggufConfig({ ...model, metadata });
  expect(config).not.toHaveProperty('bos_token_id');
  expect(config).toHaveProperty('eos_token_id', 2);
});
