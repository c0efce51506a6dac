// Fields that are null, absent, lists or of an older type, read as the classes of transformers read them.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../model/config/config.ts';
import { RotationTable } from '../../../model/config/rope.ts';
import { loadCase } from '../../oracle/rebuild.ts';

type Json = Record<string, unknown>;

/** The config of an oracle's case with other fields. A field that is undefined is left out. */
async function parse(name: string, changes: Json) {
  const { config } = await loadCase(name);
  const json: unknown = JSON.parse(JSON.stringify({ ...config, ...changes }));
  return parseConfig(json, 'config.json');
}

const sizes = { hidden_size: 64, num_attention_heads: 4, head_dim: 16 };
const unscaled = { rope_parameters: undefined, rope_scaling: undefined };

describe('a field that is null', () => {
  it('is not the default of the class: heads and their width follow from the other sizes', async () => {
    const config = { ...sizes, num_key_value_heads: null, head_dim: null };
    expect(await parse('mixtral-1', config)).toMatchObject({ kvHeads: 4, headDim: 16 });
    expect(await parse('gpt_oss-1', config)).toMatchObject({ kvHeads: 4, headDim: 16 });
  });

  it('stands for attention without chunks or windows', async () => {
    const chunked = { layer_types: undefined, max_position_embeddings: 100_000 };
    const absent = await parse('llama4_text-1', { ...chunked, attention_chunk_size: undefined });
    expect(absent.attention?.chunks).toContain(8192);
    const given = await parse('llama4_text-1', { ...chunked, attention_chunk_size: null });
    expect(given.attention?.chunks).toBeUndefined();
    const dots = { layer_types: undefined, max_window_layers: 0, max_position_embeddings: 100_000 };
    const slides = await parse('dots1-1', { ...dots, sliding_window: undefined });
    expect(new Set(slides.attention?.windows)).toEqual(new Set([4096]));
    const full = await parse('dots1-1', { ...dots, sliding_window: null });
    expect(full.attention?.windows).toBeUndefined();
  });

  it('is refused if layers need it', async () => {
    await expect(parse('gpt_oss-1', { sliding_window: null })).rejects.toThrow(
      'config.json: field sliding_window: is null, though layers have windows',
    );
  });
});

describe('an absent field', () => {
  it('gives GPT-OSS the scaling of positions of its class', async () => {
    const { rope } = await parse('gpt_oss-1', unscaled);
    expect(rope.scaling).toEqual({
      type: 'yarn',
      ...{ factor: 32, originalContext: 4096, betaFast: 32, betaSlow: 1, truncate: false },
      attentionFactor: 0.1 * Math.log(32) + 1,
    });
    const plain = await parse('gpt_oss-1', { ...unscaled, rope_scaling: { rope_type: 'default' } });
    expect(plain.rope.scaling).toEqual({ type: 'default' });
  });

  it('gives Qwen2-MoE windows of 4096 if they are used', async () => {
    const { attention } = await parse('qwen2_moe-1', {
      ...{ use_sliding_window: true, sliding_window: undefined, layer_types: undefined },
      ...{ max_position_embeddings: 32_768, max_window_layers: undefined },
    });
    expect(attention?.windows?.[0]).toBe(4096);
  });
});

describe('published spellings', () => {
  it('of Llama 4 have the number 4 for the tuning of attention', async () => {
    const on = await parse('llama4_text-1', { attn_temperature_tuning: 4 });
    expect(on.attention?.temperature).toBeDefined();
    const off = await parse('llama4_text-1', { attn_temperature_tuning: 0 });
    expect(off.attention?.temperature).toBeUndefined();
  });

  it('of Hunyuan may repeat the number of experts for each layer', async () => {
    const { layers, experts } = await parse('hunyuan_v1_moe-1', {});
    const list = new Array<number>(layers).fill(experts);
    expect((await parse('hunyuan_v1_moe-1', { num_experts: list })).experts).toBe(experts);
    await expect(parse('hunyuan_v1_moe-1', { num_experts: [...list, experts + 1] })).rejects.toThrow(
      'field num_experts',
    );
  });

  it('of MiniMax-M2 list the kind of attention of each layer', async () => {
    expect((await parse('minimax_m2-1', { attn_type_list: [1, 1, 1] })).layout).toBe('minimax_m2');
    await expect(parse('minimax_m2-1', { attn_type_list: [1, 0, 1] })).rejects.toThrow(
      'config.json: field attn_type_list: [1,0,1] is not supported',
    );
  });
});

describe('a contradiction', () => {
  it.each<[name: string, field: string, changes: Json]>([
    ['minimax_m2-1', 'partial_rotary_factor', { ...unscaled, rotary_dim: 4, partial_rotary_factor: 1 }],
    ['glm4_moe-1', 'head_dim', { ...unscaled, ...sizes, head_dim: 6 }],
    ['llama4_text-1', 'moe_layers', { moe_layers: [0, 99] }],
    ['sigma-1', 'topk_method', { scoring_func: 'sigmoid', topk_method: 'group_limited_greedy' }],
    ['mixtral-1', 'swiglu_limit', { swiglu_limit: 7 }],
    ['qwen3_moe-1', 'attention_multiplier', { attention_multiplier: 0.5 }],
  ])('%s is refused at %s', async (name, field, changes) => {
    await expect(parse(name, changes)).rejects.toThrow(`config.json: field ${field}: `);
  });
});

it('a frequency between equal limits of Llama 3 is kept', () => {
  const limits = { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 1 } as const;
  // The first frequency is 1, so that it turns exactly once in this context.
  const scaling = { ...limits, originalContext: 2 * Math.PI };
  const [cos, sin] = [new Float32Array(1), new Float32Array(1)];
  new RotationTable({ headDim: 2, rope: { base: 10_000, scaling } }).fill(cos, sin, 0, 1, 1);
  expect([cos[0], sin[0]]).toEqual([Math.fround(Math.cos(1)), Math.fround(Math.sin(1))]);
});
