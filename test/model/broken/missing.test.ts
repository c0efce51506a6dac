import { describe, it } from 'vitest';
import { type Broken, expectRefusal, freshPaths, oracleParts, without, writeBroken } from './break.ts';

const fresh = freshPaths();
const partsOf = oracleParts(fresh);

const missing: Broken[] = [
  {
    what: 'no shared expert',
    of: 'sigma-1',
    tensors: without(/shared_experts\./),
    says: 'model.safetensors: tensor model.layers.1.mlp.shared_experts.gate_proj.weight: is missing, though config.json describes it',
  },
  {
    what: 'no bias of the router',
    of: 'sigma-1',
    tensors: without(/e_score_correction_bias$/),
    says: 'model.safetensors: tensor model.layers.1.mlp.gate.e_score_correction_bias: is missing, though config.json describes it',
  },
  {
    what: 'no norms of q',
    of: 'sigma-1',
    tensors: without(/\.q_layernorm\./),
    says: 'model.safetensors: tensor model.layers.0.self_attn.q_layernorm.weight: is missing, though config.json describes it',
  },
  {
    what: 'no experts in a layer',
    of: 'sigma-1',
    tensors: without(/\.1\.mlp\.experts\./),
    says: 'model.safetensors: tensor model.layers.1.mlp.experts.0.gate_proj.weight: is missing, though config.json describes it',
  },
  {
    what: 'no gate of the shared expert',
    of: 'qwen2_moe-1',
    tensors: without(/shared_expert_gate/),
    says: 'model.safetensors: tensor model.layers.0.mlp.shared_expert_gate.weight: is missing, though config.json describes it',
  },
  {
    what: 'no bias of k',
    of: 'qwen2_moe-1',
    tensors: without(/3\.self_attn\.k_proj\.bias/),
    says: 'model.safetensors: tensor model.layers.3.self_attn.k_proj.bias: is missing, though config.json describes it',
  },
  {
    what: 'no stack of gate and up',
    of: 'qwen3_moe_stacked-1',
    tensors: without(/gate_up_proj/),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.gate_up_proj: is missing, though config.json describes it',
  },
  {
    what: 'no head',
    of: 'qwen3_moe-1',
    tensors: without(/lm_head/),
    says: 'model.safetensors: tensor lm_head.weight: is missing, though config.json describes it',
  },
  {
    what: 'no bias of v',
    of: 'glm4_moe-1',
    tensors: without(/2\.self_attn\.v_proj\.bias/),
    says: 'model.safetensors: tensor model.layers.2.self_attn.v_proj.bias: is missing, though config.json describes it',
  },
  {
    what: 'no shared experts',
    of: 'dots1-1',
    tensors: without(/2\.mlp\.shared_experts/),
    says: 'model.safetensors: tensor model.layers.2.mlp.shared_experts.gate_proj.weight: is missing, though config.json describes it',
  },
  {
    what: 'no bias of experts',
    of: 'bailing_moe_v2-1',
    tensors: without(/expert_bias/),
    says: 'model.safetensors: tensor model.layers.1.mlp.gate.expert_bias: is missing, though config.json describes it',
  },
  {
    what: 'no norm of k',
    of: 'bailing_moe_v2-1',
    tensors: without(/key_layernorm/),
    says: 'model.safetensors: tensor model.layers.0.attention.key_layernorm.weight: is missing, though config.json describes it',
  },
  {
    what: 'no moe_statics',
    of: 'ernie4_5_moe-1',
    tensors: without(/moe_statics/),
    says: 'model.safetensors: tensor model.layers.1.mlp.moe_statics.e_score_correction_bias: is missing, though config.json describes it',
  },
  {
    what: 'no router',
    of: 'hunyuan_v1_moe-1',
    tensors: without(/3\.mlp\.gate\.wg/),
    says: 'model.safetensors: tensor model.layers.3.mlp.gate.wg.weight: is missing, though config.json describes it',
  },
  {
    what: 'no shared MLP',
    of: 'hunyuan_v1_moe-1',
    tensors: without(/shared_mlp\.down/),
    says: 'model.safetensors: tensor model.layers.0.mlp.shared_mlp.down_proj.weight: is missing, though config.json describes it',
  },
  {
    what: 'no router',
    of: 'granitemoe-1',
    tensors: without(/router\.layer/),
    says: 'model.safetensors: tensor model.layers.0.block_sparse_moe.router.layer.weight: is missing, though config.json describes it',
  },
  {
    what: 'no shared input',
    of: 'granitemoeshared-1',
    tensors: without(/shared_mlp\.input/),
    says: 'model.safetensors: tensor model.layers.0.shared_mlp.input_linear.weight: is missing, though config.json describes it',
  },
  {
    what: 'no bias of experts',
    of: 'minimax_m2-1',
    tensors: without(/e_score_correction_bias/),
    says: 'model.safetensors: tensor model.layers.0.block_sparse_moe.e_score_correction_bias: is missing, though config.json describes it',
  },
  {
    what: 'no norm of q',
    of: 'minimax_m2-1',
    tensors: without(/0\.self_attn\.q_norm/),
    says: 'model.safetensors: tensor model.layers.0.self_attn.q_norm.weight: is missing, though config.json describes it',
  },
  {
    what: 'no sinks',
    of: 'gpt_oss-1',
    tensors: without(/1\.self_attn\.sinks/),
    says: 'model.safetensors: tensor model.layers.1.self_attn.sinks: is missing, though config.json describes it',
  },
  {
    what: 'no bias of the router',
    of: 'gpt_oss-1',
    tensors: without(/router\.bias/),
    says: 'model.safetensors: tensor model.layers.0.mlp.gate.bias: is missing, though config.json describes it',
  },
  {
    what: 'no biases of experts',
    of: 'gpt_oss-1',
    tensors: without(/gate_up_proj_bias/),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.gate_up_proj_bias: is missing, though config.json describes it',
  },
  {
    what: 'no expert of one number',
    of: 'mixtral-1',
    tensors: without(/2\.block_sparse_moe\.experts\.3\.w2/),
    says: 'model.safetensors: tensor model.layers.2.block_sparse_moe.experts.3.w2.weight: is missing, though config.json describes it',
  },
  {
    what: 'no router',
    of: 'llama4_text-1',
    tensors: without(/3\.feed_forward\.router/),
    says: 'model.safetensors: tensor model.layers.3.mlp.gate.weight: is missing, though config.json describes it',
  },
  {
    what: 'only the tensors of images',
    of: 'llama4-1',
    tensors: without(/^language_model/),
    says: 'model.safetensors: tensor model.embed_tokens.weight: is missing, though config.json describes it',
  },
];

const tables = { missing };

for (const [kind, cases] of Object.entries(tables)) {
  describe(`tensors: ${kind} (${cases.length} kinds)`, () => {
    it.each(cases)('$of: $what', async (broken) => {
      const [from, to] = [fresh(), fresh()];
      await writeBroken(from, await partsOf(broken.of), broken);
      await expectRefusal(from, to, broken);
    });
  });
}
