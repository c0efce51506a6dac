// Checkpoints of every layout whose config.json is wrong about attention.
import { describe, it } from 'vitest';
import { type Broken, expectRefusal, freshPaths, oracleParts, writeBroken } from './break.ts';

const fresh = freshPaths();
const partsOf = oracleParts(fresh);

const attention: Broken[] = [
  {
    what: 'sliding_window of 0',
    of: 'gpt_oss-1',
    config: { sliding_window: 0 },
    says: 'config.json: field sliding_window: is 0, not a whole number from 1 to 16777216',
  },
  {
    what: 'sliding_window below 0',
    of: 'mixtral-1',
    config: { sliding_window: -4 },
    says: 'config.json: field sliding_window: is -4, not a whole number from 1 to 16777216',
  },
  {
    what: 'sliding_window of 0 that is used',
    of: 'qwen2_moe-1',
    config: { use_sliding_window: true },
    says: 'config.json: field sliding_window: is 0, not a whole number from 1 to 16777216',
  },
  {
    what: 'sliding_window in a layout without any',
    of: 'glm4_moe-1',
    config: { sliding_window: 16 },
    says: 'config.json: field sliding_window: 16 of 256 positions is not supported',
  },
  {
    what: 'sliding_window in a layout without any',
    of: 'bailing_moe_v2-1',
    config: { sliding_window: 16 },
    says: 'config.json: field sliding_window: 16 of 256 positions is not supported',
  },
  {
    what: 'attention_chunk_size of 0',
    of: 'llama4_text-1',
    config: { attention_chunk_size: 0 },
    says: 'config.json: field attention_chunk_size: is 0, not a whole number from 1 to 16777216',
  },
  {
    what: 'a share of a head that is odd',
    of: 'glm4_moe-1',
    config: { rope_parameters: { rope_theta: 1e4, partial_rotary_factor: 0.25 } },
    says: 'config.json: field rope_parameters.partial_rotary_factor: rotates 3 of the 12 values of a head; an even number is needed',
  },
  {
    what: 'a usual share of a head that is odd',
    of: 'glm4_moe-1',
    config: { head_dim: 6, rope_parameters: { rope_theta: 1e4 } },
    says: 'config.json: field head_dim: is 6, of which 3 values are rotated; an even number is needed',
  },
  {
    what: 'rotary_dim above the head',
    of: 'minimax_m2-1',
    config: { rotary_dim: 26 },
    says: 'config.json: field rotary_dim: rotates 26 of the 24 values of a head; an even number is needed',
  },
  {
    what: 'rotary_dim that is no whole number',
    of: 'minimax_m2-1',
    config: { rotary_dim: 7.5 },
    says: 'config.json: field rotary_dim: rotates 7.5 of the 24 values of a head; an even number is needed',
  },
  {
    what: 'a share of a head where none is',
    of: 'ernie4_5_moe-1',
    config: { partial_rotary_factor: 0.5 },
    says: 'config.json: field partial_rotary_factor: 0.5 is not supported in this layout',
  },
  {
    what: 'alpha that makes the base infinite',
    of: 'hunyuan_v1_moe-1',
    config: { head_dim: 2 },
    says: 'config.json: field rope_parameters.alpha: makes the base Infinity',
  },
  {
    what: 'YaRN with factors in the wrong order',
    of: 'gpt_oss-1',
    config: {
      rope_parameters: { rope_type: 'yarn', rope_theta: 1e4, factor: 4, beta_fast: 1, beta_slow: 32 },
    },
    says: 'config.json: field rope_parameters.beta_fast: must not be below beta_slow',
  },
  {
    what: 'rope settings of each type of layer',
    of: 'olmoe-1',
    config: { rope_parameters: { full_attention: { rope_theta: 1e4 } } },
    says: 'config.json: field rope_parameters.full_attention: is not supported',
  },
  {
    what: 'key/value heads that do not divide the heads',
    of: 'granitemoe-1',
    config: { num_key_value_heads: 3 },
    says: 'config.json: field num_key_value_heads: is 3, which does not divide the 4 attention heads',
  },
  {
    what: 'an odd head',
    of: 'hunyuan_v1_moe-1',
    config: { head_dim: 21 },
    says: 'config.json: field head_dim: is 21; rotary positions need an even one',
  },
  {
    what: 'no biases',
    of: 'gpt_oss-1',
    config: { attention_bias: false },
    says: 'config.json: field attention_bias: is false, which is not supported',
  },
  {
    what: 'biases that are not there',
    of: 'dots1-1',
    config: { attention_bias: true },
    says: 'model.safetensors: tensor model.layers.0.self_attn.q_proj.bias: is missing, though config.json describes it',
  },
  {
    what: 'biases of linear layers',
    of: 'ernie4_5_moe-1',
    config: { use_bias: true },
    says: 'config.json: field use_bias: true is not supported',
  },
  {
    what: 'no norms of q and k',
    of: 'minimax_m2-1',
    config: { use_qk_norm: false },
    says: 'config.json: field use_qk_norm: is false, which is not supported',
  },
  {
    what: 'norms that are not there',
    of: 'glm4_moe-1',
    config: { use_qk_norm: true },
    says: 'model.safetensors: tensor model.layers.0.self_attn.q_norm.weight: is missing, though config.json describes it',
  },
  {
    what: 'attention of another kind',
    of: 'bailing_moe_v2-1',
    config: { kv_lora_rank: 512 },
    says: 'config.json: field kv_lora_rank: 512 is not supported',
  },
];

const tables = { attention };
for (const [kind, cases] of Object.entries(tables)) {
  describe(`a config.json that lies about its ${kind} is refused by name (${cases.length} kinds)`, () => {
    it.each(cases)('$of: $what', async (broken) => {
      const [from, to] = [fresh(), fresh()];
      await writeBroken(from, await partsOf(broken.of), broken);
      await expectRefusal(from, to, broken);
    });
  });
}
