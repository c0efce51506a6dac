// Checkpoints of every layout with a tensor of another shape or type, or one that does not belong there, and damaged files.
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import {
  added,
  type Broken,
  expectRefusal,
  freshPaths,
  oracleParts,
  reshaped,
  writeBroken,
} from './break.ts';

const fresh = freshPaths();
const partsOf = oracleParts(fresh);

const shapes: Broken[] = [
  {
    what: 'a shared expert of another width',
    of: 'sigma-1',
    tensors: reshaped('model.layers.1.mlp.shared_experts.up_proj.weight', [48, 32]),
    says: 'model.safetensors: tensor model.layers.1.mlp.shared_experts.up_proj.weight: has shape [48,32]; config.json describes [56,32]',
  },
  {
    what: 'a norm of q with another length',
    of: 'olmoe-1',
    tensors: reshaped('model.layers.0.self_attn.q_norm.weight', [40]),
    says: 'model.safetensors: tensor model.layers.0.self_attn.q_norm.weight: has shape [40]; config.json describes [80]',
  },
  {
    what: 'a stack with another number of experts',
    of: 'qwen3_moe_stacked-1',
    tensors: reshaped('model.layers.1.mlp.experts.gate_up_proj', [5, 32, 80]),
    says: 'model.safetensors: tensor model.layers.1.mlp.experts.gate_up_proj: has shape [5,32,80]; config.json describes [4,32,80]',
  },
  {
    what: 'a stack of gate and up with an odd height',
    of: 'qwen2_moe_stacked-1',
    tensors: reshaped('model.layers.0.mlp.experts.gate_up_proj', [4, 81, 48]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.gate_up_proj: has shape [4,81,48]; config.json describes [4,80,48]',
  },
  {
    what: 'a stack of one matrix',
    of: 'glm4_moe_stacked-1',
    tensors: reshaped('model.layers.1.mlp.experts.down_proj', [40, 24]),
    says: 'model.safetensors: tensor model.layers.1.mlp.experts.down_proj: has shape [40,24]; config.json describes [6,40,24]',
  },
  {
    what: 'a stack of another layout',
    of: 'mixtral_stacked-1',
    tensors: reshaped('model.layers.0.mlp.experts.down_proj', [4, 72, 57]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.down_proj: has shape [4,72,57]; config.json describes [4,72,56]',
  },
  {
    what: 'fused q, k and v with other heads',
    of: 'bailing_moe_v2-1',
    tensors: reshaped('model.layers.2.attention.query_key_value.weight', [40, 96]),
    says: 'model.safetensors: tensor model.layers.2.attention.query_key_value.weight: has shape [40,96]; config.json describes [32,96]',
  },
  {
    what: 'a bias of experts for other experts',
    of: 'ernie4_5_moe-1',
    tensors: reshaped('model.layers.1.mlp.moe_statics.e_score_correction_bias', [2, 3]),
    says: 'model.safetensors: tensor model.layers.1.mlp.moe_statics.e_score_correction_bias: has shape [2,3]; config.json describes [6]',
  },
  {
    what: 'a fused input with an odd height',
    of: 'granitemoe-1',
    tensors: reshaped('model.layers.3.block_sparse_moe.input_linear.weight', [4, 33, 96]),
    says: 'model.safetensors: tensor model.layers.3.block_sparse_moe.input_linear.weight: has shape [4,33,96]; config.json describes [4,32,96]',
  },
  {
    what: 'a fused shared input of another width',
    of: 'granitemoeshared-1',
    tensors: reshaped('model.layers.0.shared_mlp.input_linear.weight', [79, 64]),
    says: 'model.safetensors: tensor model.layers.0.shared_mlp.input_linear.weight: has shape [79,64]; config.json describes [80,64]',
  },
  {
    what: 'a stack with outputs before inputs',
    of: 'gpt_oss-1',
    tensors: reshaped('model.layers.0.mlp.experts.gate_up_proj', [6, 32, 96]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.gate_up_proj: has shape [6,32,96]; config.json describes [6,96,32]',
  },
  {
    what: 'biases of experts without gate',
    of: 'gpt_oss-1',
    tensors: reshaped('model.layers.0.mlp.experts.gate_up_proj_bias', [6, 16]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.gate_up_proj_bias: has shape [6,16]; config.json describes [6,32]',
  },
  {
    what: 'a stack with outputs before inputs',
    of: 'llama4_text-1',
    tensors: reshaped('model.layers.1.feed_forward.experts.down_proj', [6, 40, 16]),
    says: 'model.safetensors: tensor model.layers.1.feed_forward.experts.down_proj: has shape [6,40,16]; config.json describes [6,16,40]',
  },
  {
    what: 'an expert of another width',
    of: 'minimax_m2-1',
    tensors: reshaped('model.layers.4.block_sparse_moe.experts.7.w1.weight', [24, 64]),
    says: 'model.safetensors: tensor model.layers.4.block_sparse_moe.experts.7.w1.weight: has shape [24,64]; config.json describes [16,64]',
  },
  {
    what: 'a norm in float64',
    of: 'hunyuan_v1_moe-1',
    tensors: reshaped('model.norm.weight', [64], 'F64'),
    says: 'model.safetensors: tensor model.norm.weight: has dtype F64; F32, F16 and BF16 are read',
  },
  {
    what: 'a router in int8 without scales',
    of: 'dots1-1',
    tensors: reshaped('model.layers.1.mlp.gate.weight', [8, 80], 'I8'),
    says: 'model.safetensors: tensor model.layers.1.mlp.gate.weight: is quantised, but config.json has no quantization_config',
  },
];

const foreign: Broken[] = [
  {
    what: 'experts in a dense layer',
    of: 'sigma-1',
    tensors: added('model.layers.0.mlp.experts.0.up_proj.weight', [56, 32]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.0.up_proj.weight: is not part of the model that config.json describes',
  },
  {
    what: 'an MLP in a layer with experts',
    of: 'ernie4_5_moe-1',
    tensors: added('model.layers.2.mlp.up_proj.weight', [72, 96]),
    says: 'model.safetensors: tensor model.layers.2.mlp.up_proj.weight: is not part of the model that config.json describes',
  },
  {
    what: 'a layer too many',
    of: 'granitemoe-1',
    tensors: added('model.layers.5.input_layernorm.weight', [96]),
    says: 'model.safetensors: tensor model.layers.5.input_layernorm.weight: is not part of the model that config.json describes',
  },
  {
    what: 'norms of q that the config denies',
    of: 'glm4_moe-1',
    tensors: added('model.layers.0.self_attn.q_norm.weight', [12]),
    says: 'model.safetensors: tensor model.layers.0.self_attn.q_norm.weight: is not part of the model that config.json describes',
  },
  {
    what: 'a shared expert that the config does not mention',
    of: 'mixtral-1',
    tensors: added('model.layers.0.block_sparse_moe.shared_expert.w1.weight', [56, 72]),
    says: 'model.safetensors: tensor model.layers.0.block_sparse_moe.shared_expert.w1.weight: is not part of the model that config.json describes',
  },
  {
    what: 'latent attention of DeepSeek',
    of: 'dots1-1',
    tensors: added('model.layers.0.self_attn.kv_a_proj_with_mqa.weight', [32, 80]),
    says: 'model.safetensors: tensor model.layers.0.self_attn.kv_a_proj_with_mqa.weight: is not part of the model that config.json describes',
  },
  {
    what: 'a model of sounds beside the text',
    of: 'llama4-1',
    tensors: added('audio_tower.layers.0.weight', [4, 4]),
    says: 'model.safetensors: tensor audio_tower.layers.0.weight: is not part of the model that config.json describes',
  },
  {
    what: 'an expert that is in a stack as well',
    of: 'qwen3_moe_stacked-1',
    tensors: added('model.layers.0.mlp.experts.2.up_proj.weight', [16, 80]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.gate_up_proj: is there, and so is model.layers.0.mlp.experts.2.up_proj.weight: only one of them can be right',
  },
  {
    what: 'q that is in a fused matrix as well',
    of: 'bailing_moe_v2-1',
    tensors: added('model.layers.0.attention.q_proj.weight', [16, 96]),
    says: 'model.safetensors: tensor model.layers.0.attention.q_proj.weight: is there, and so is model.layers.0.attention.query_key_value.weight: only one of them can be right',
  },
  {
    what: 'a tensor under two names',
    of: 'sigma-1',
    tensors: added('model.layers.1.mlp.shared_expert.up_proj.weight', [56, 32]),
    says: 'model.safetensors: tensor model.layers.1.mlp.shared_expert.up_proj.weight: is there, and so is model.layers.1.mlp.shared_experts.up_proj.weight: only one of them can be right',
  },
  {
    what: 'a tied head that differs from the embedding',
    of: 'ernie4_5_moe-1',
    tensors: added('lm_head.weight', [122, 96]),
    says: 'model.safetensors: tensor lm_head.weight: differs from the embedding, though config.json ties them',
  },
  {
    what: 'a tied head that differs, under the name of the text part',
    of: 'llama4-1',
    tensors: added('language_model.lm_head.weight', [90, 40]),
    says: 'model.safetensors: tensor language_model.lm_head.weight: differs from the embedding, though config.json ties them',
  },
];

const whole = 'model.safetensors';
const files: Broken[] = [
  {
    what: 'a truncated file',
    of: 'gpt_oss-1',
    files: (dir) => truncate(join(dir, whole), 300_000),
    says: 'model.safetensors: tensor model.layers.1.mlp.experts.gate_up_proj: ends at byte 314888 of a file with 300000: the file is truncated',
  },
  {
    what: 'an index that names a file that is missing',
    of: 'bailing_moe_v2-1',
    files: (dir) =>
      writeFile(
        join(dir, `${whole}.index.json`),
        JSON.stringify({ weight_map: { 'model.norm.weight': 'model-00002-of-00002.safetensors' } }),
      ),
    says: 'model-00002-of-00002.safetensors: is missing, though model.safetensors.index.json lists it',
  },
  {
    what: 'an index that lists fewer tensors than the file has',
    of: 'llama4-1',
    files: (dir) =>
      writeFile(
        join(dir, `${whole}.index.json`),
        JSON.stringify({ weight_map: { 'language_model.model.norm.weight': whole } }),
      ),
    says: 'model.safetensors: tensor language_model.model.embed_tokens.weight: is not listed in model.safetensors.index.json',
  },
];

const tables = { shapes, foreign, files };

for (const [kind, cases] of Object.entries(tables)) {
  describe(`tensors: ${kind} (${cases.length} kinds)`, () => {
    it.each(cases)('$of: $what', async (broken) => {
      const [from, to] = [fresh(), fresh()];
      await writeBroken(from, await partsOf(broken.of), broken);
      await expectRefusal(from, to, broken);
    });
  });
}
