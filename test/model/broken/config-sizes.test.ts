// Checkpoints of every layout whose config.json is wrong about sizes, or about which model it is.
import { describe, it } from 'vitest';
import { type Broken, expectRefusal, freshPaths, oracleParts, writeBroken } from './break.ts';

const fresh = freshPaths();
const partsOf = oracleParts(fresh);

/** The fields of the text part of llama4-1, which are those of llama4_text-1. */
const inText = (config: Record<string, unknown>) => ({ text_config: config });

const sizes: Broken[] = [
  {
    what: 'hidden_size of 2^24',
    of: 'sigma-1',
    config: { hidden_size: 2 ** 24 },
    says: 'model.safetensors: tensor model.embed_tokens.weight: has shape [118,32]; config.json describes [118,16777216]',
  },
  {
    what: 'hidden_size above 2^24',
    of: 'gpt_oss-1',
    config: { hidden_size: 2 ** 40 },
    says: 'config.json: field hidden_size: is 1099511627776, not a whole number from 1 to 16777216',
  },
  {
    what: '2^24 experts',
    of: 'granitemoe-1',
    config: { num_local_experts: 2 ** 24 },
    says: 'model.safetensors: tensor model.layers.0.block_sparse_moe.router.layer.weight: has shape [4,96]; config.json describes [16777216,96]',
  },
  {
    what: '2^24 experts that are each stored alone',
    of: 'minimax_m2-1',
    config: { num_local_experts: 2 ** 24 },
    says: 'model.safetensors: tensor model.layers.0.block_sparse_moe.gate.weight: has shape [8,64]; config.json describes [16777216,64]',
  },
  {
    what: '2^24 experts per token',
    of: 'ernie4_5_moe-1',
    config: { moe_num_experts: 2 ** 24, moe_k: 2 ** 24 },
    says: 'model.safetensors: tensor model.layers.1.mlp.gate.weight: has shape [6,96]; config.json describes [16777216,96]',
  },
  {
    what: '2^24 shared experts',
    of: 'dots1-1',
    config: { n_shared_experts: 2 ** 24 },
    says: 'model.safetensors: tensor model.layers.1.mlp.shared_experts.gate_proj.weight: has shape [48,80]; config.json describes [402653184,80]',
  },
  {
    what: '2^24 layers',
    of: 'llama4_text-1',
    config: { num_hidden_layers: 2 ** 24 },
    says: 'config.json: field num_hidden_layers: is 16777216; at most 4096 are supported',
  },
  {
    what: '4096 layers',
    of: 'hunyuan_v1_moe-1',
    config: { num_hidden_layers: 4096 },
    says: 'model.safetensors: tensor model.layers.4.input_layernorm.weight: is missing, though config.json describes it',
  },
  {
    what: '2^24 tokens',
    of: 'bailing_moe_v2-1',
    config: { vocab_size: 2 ** 24 },
    says: 'model.safetensors: tensor model.word_embeddings.weight: has shape [128,96]; config.json describes [16777216,96]',
  },
  {
    what: 'experts of width 2^24',
    of: 'granitemoeshared-1',
    config: { intermediate_size: 2 ** 24 },
    says: 'model.safetensors: tensor model.layers.0.block_sparse_moe.input_linear.weight: has shape [4,32,64]; config.json describes [4,33554432,64]',
  },
  {
    what: 'a shared expert of width 2^24',
    of: 'qwen2_moe-1',
    config: { shared_expert_intermediate_size: 2 ** 24 },
    says: 'model.safetensors: tensor model.layers.0.mlp.shared_expert.gate_proj.weight: has shape [64,48]; config.json describes [16777216,48]',
  },
  {
    what: 'a width that is a fraction',
    of: 'mixtral-1',
    config: { intermediate_size: 55.5 },
    says: 'config.json: field intermediate_size: is 55.5, not a whole number from 1 to 16777216',
  },
  {
    what: 'a width in words',
    of: 'olmoe-1',
    config: { intermediate_size: '48' },
    says: 'config.json: field intermediate_size: is "48", not a number',
  },
  {
    what: 'other widths of a layer',
    of: 'hunyuan_v1_moe-1',
    config: { moe_intermediate_size: [40, 40, 40, 48] },
    says: 'config.json: field moe_intermediate_size: [40,40,40,48] is not supported (40 in every layer is)',
  },
  {
    what: 'an epsilon of 0',
    of: 'sigma-1',
    config: { rms_norm_eps: 0 },
    says: 'config.json: field rms_norm_eps: is 0, not a number above 0',
  },
];

const identity: Broken[] = [
  {
    what: 'architectures of another class',
    of: 'sigma-1',
    config: { architectures: ['SigmaV3ForCausalLM'] },
    says: 'config.json: field architectures: ["SigmaV3ForCausalLM"] is not supported (SigmaV2ForCausalLM and SigmaForCausalLM are)',
  },
  {
    what: 'architectures that is a text',
    of: 'sigma-1',
    config: { architectures: 'SigmaV2ForCausalLM' },
    says: 'config.json: field architectures: "SigmaV2ForCausalLM" is not supported (SigmaV2ForCausalLM and SigmaForCausalLM are)',
  },
  {
    what: 'an older class',
    of: 'bailing_moe_v2-1',
    config: { model_type: 'bailing_moe', architectures: ['BailingMoeForCausalLM'] },
    says: 'config.json: field architectures: ["BailingMoeForCausalLM"] is not supported (BailingMoeV2ForCausalLM is)',
  },
  {
    what: 'another model_type',
    of: 'gpt_oss-1',
    config: { model_type: 'mixtral' },
    says: 'config.json: field attention_bias: true is not supported',
  },
  {
    what: 'a model_type that is not supported',
    of: 'glm4_moe-1',
    config: { model_type: 'deepseek_v3' },
    says: 'config.json: field model_type: "deepseek_v3" is not supported (sigma, qwen3_moe, qwen2_moe, mixtral, olmoe, glm4_moe, dots1, bailing_moe_v2, ernie4_5_moe, hunyuan_v1_moe, granitemoe, granitemoeshared, minimax_m2, gpt_oss, llama4_text and llama4 are)',
  },
  {
    what: 'a model_type of every object',
    of: 'olmoe-1',
    config: { model_type: 'constructor' },
    says: 'config.json: field model_type: "constructor" is not supported (sigma, qwen3_moe, qwen2_moe, mixtral, olmoe, glm4_moe, dots1, bailing_moe_v2, ernie4_5_moe, hunyuan_v1_moe, granitemoe, granitemoeshared, minimax_m2, gpt_oss, llama4_text and llama4 are)',
  },
  {
    what: 'no text_config',
    of: 'llama4-1',
    config: { text_config: undefined },
    says: 'config.json: field text_config: is missing',
  },
  {
    what: 'text_config that is a list',
    of: 'llama4-1',
    config: inText([] as never),
    says: 'config.json: field text_config: is not a JSON object',
  },
  {
    what: 'text_config of another model',
    of: 'llama4-1',
    config: inText({ model_type: 'llama' }),
    says: 'config.json: field text_config.model_type: "llama" is not supported (llama4_text is)',
  },
  {
    what: 'text_config that is empty',
    of: 'llama4-1',
    config: inText({}),
    says: 'config.json: field text_config.hidden_size: is missing',
  },
  {
    what: 'another activation',
    of: 'granitemoe-1',
    config: { hidden_act: 'gelu' },
    says: 'config.json: field hidden_act: "gelu" is not supported',
  },
  {
    what: 'a tie that is not there',
    of: 'sigma-1',
    config: { tie_word_embeddings: true },
    says: 'model.safetensors: tensor lm_head.weight: differs from the embedding, though config.json ties them',
  },
  {
    what: 'no tie',
    of: 'ernie4_5_moe-1',
    config: { tie_word_embeddings: false },
    says: 'model.safetensors: tensor lm_head.weight: is missing, though config.json describes it',
  },
];

const tables = { sizes, identity };
for (const [kind, cases] of Object.entries(tables)) {
  describe(`a config.json that lies about its ${kind} is refused by name (${cases.length} kinds)`, () => {
    it.each(cases)('$of: $what', async (broken) => {
      const [from, to] = [fresh(), fresh()];
      await writeBroken(from, await partsOf(broken.of), broken);
      await expectRefusal(from, to, broken);
    });
  });
}
