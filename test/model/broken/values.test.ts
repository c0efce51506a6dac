// Checkpoints with a value that is not finite in one tensor of each kind, and tensors that are accepted because no answer needs them.
import { describe, expect, it } from 'vitest';
import { convert } from '../../../model/convert/convert.ts';
import {
  added,
  type Broken,
  changed,
  expectRefusal,
  freshPaths,
  infinity,
  nan,
  oracleParts,
  patched,
  type Stored,
  writeBroken,
} from './break.ts';

const fresh = freshPaths();
const partsOf = oracleParts(fresh);

/** Overwrites the float32 number `at`. */
const poison = (name: string, at: number, value = nan) => patched(name, 4 * at, value);

const cases: Broken[] = [
  {
    what: 'a norm',
    of: 'sigma-1',
    tensors: poison('model.layers.0.self_attn.q_layernorm.weight', 3),
    says: 'model.safetensors: tensor model.layers.0.self_attn.q_layernorm.weight: holds NaN at element 3 of a slice',
  },
  {
    what: 'a bias of k',
    of: 'sigma-1',
    tensors: poison('model.layers.1.self_attn.k_proj.bias', 5),
    says: 'model.safetensors: tensor model.layers.1.self_attn.k_proj.bias: holds NaN at element 5 of a slice',
  },
  {
    what: 'a dense MLP',
    of: 'dots1-1',
    tensors: poison('model.layers.0.mlp.down_proj.weight', 200),
    says: 'model.safetensors: tensor model.layers.0.mlp.down_proj.weight: holds NaN at element 200 of a slice',
  },
  {
    what: 'a shared expert',
    of: 'dots1-1',
    tensors: poison('model.layers.2.mlp.shared_experts.up_proj.weight', 81),
    says: 'model.safetensors: tensor model.layers.2.mlp.shared_experts.up_proj.weight: holds NaN at element 81 of a slice',
  },
  {
    what: 'a router',
    of: 'ernie4_5_moe-1',
    tensors: poison('model.layers.1.mlp.gate.weight', 100, infinity),
    says: 'model.safetensors: tensor model.layers.1.mlp.gate.weight: holds Infinity at element 100 of a slice',
  },
  {
    what: 'a bias of the choice',
    of: 'ernie4_5_moe-1',
    tensors: poison('model.layers.2.mlp.moe_statics.e_score_correction_bias', 5),
    says: 'model.safetensors: tensor model.layers.2.mlp.moe_statics.e_score_correction_bias: holds NaN at element 5 of a slice',
  },
  {
    what: 'q with adjacent pairs',
    of: 'ernie4_5_moe-1',
    tensors: poison('model.layers.0.self_attn.q_proj.weight', 97),
    says: 'model.safetensors: tensor model.layers.0.self_attn.q_proj.weight: holds NaN at element 97 of a slice',
  },
  {
    what: 'an expert',
    of: 'minimax_m2-1',
    tensors: poison('model.layers.3.block_sparse_moe.experts.7.w2.weight', 17, infinity),
    says: 'model.safetensors: tensor model.layers.3.block_sparse_moe.experts.7.w2.weight: holds Infinity at element 17 of a slice',
  },
  {
    what: 'a stack, in the half of up',
    of: 'granitemoe-1',
    tensors: poison('model.layers.4.block_sparse_moe.input_linear.weight', 17 * 96 + 2),
    says: 'model.safetensors: tensor model.layers.4.block_sparse_moe.input_linear.weight: holds NaN at element 98 of a slice',
  },
  {
    what: 'a fused shared expert',
    of: 'granitemoeshared-1',
    tensors: poison('model.layers.0.shared_mlp.input_linear.weight', 5),
    says: 'model.safetensors: tensor model.layers.0.shared_mlp.input_linear.weight: holds NaN at element 5 of a slice',
  },
  {
    what: 'a transposed stack',
    of: 'gpt_oss-1',
    tensors: poison('model.layers.2.mlp.experts.down_proj', 16 * 96 + 95),
    says: 'model.safetensors: tensor model.layers.2.mlp.experts.down_proj: holds NaN at element 95 of a slice',
  },
  {
    what: 'a bias of experts',
    of: 'gpt_oss-1',
    tensors: poison('model.layers.0.mlp.experts.gate_up_proj_bias', 33),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.gate_up_proj_bias: holds NaN at element 1 of a slice',
  },
  {
    what: 'a sink',
    of: 'gpt_oss-1',
    tensors: poison('model.layers.1.self_attn.sinks', 1, infinity),
    says: 'model.safetensors: tensor model.layers.1.self_attn.sinks: holds Infinity at element 1 of a slice',
  },
  {
    what: 'fused q, k and v',
    of: 'bailing_moe_v2-1',
    tensors: poison('model.layers.1.attention.query_key_value.weight', 31 * 96),
    says: 'model.safetensors: tensor model.layers.1.attention.query_key_value.weight: holds NaN at element 672 of a slice',
  },
  {
    what: 'an embedding',
    of: 'llama4-1',
    tensors: poison('language_model.model.embed_tokens.weight', 41, infinity),
    says: 'model.safetensors: tensor language_model.model.embed_tokens.weight: holds Infinity at element 41 of a slice',
  },
  {
    what: 'a head',
    of: 'qwen2_moe-1',
    tensors: poison('lm_head.weight', 48 * 87 - 1),
    says: 'model.safetensors: tensor lm_head.weight: holds NaN at element 4175 of a slice',
  },
  {
    what: 'a gate of a shared expert',
    of: 'qwen2_moe-1',
    tensors: poison('model.layers.4.mlp.shared_expert_gate.weight', 0),
    says: 'model.safetensors: tensor model.layers.4.mlp.shared_expert_gate.weight: holds NaN at element 0 of a slice',
  },
  {
    what: 'a norm in bfloat16',
    of: 'gpt_oss_mxfp4-1',
    tensors: patched('model.norm.weight', 2, [0xc0, 0x7f]),
    says: 'model.safetensors: tensor model.norm.weight: holds NaN at element 1 of a slice',
  },
  {
    what: 'an expert too large for float16',
    of: 'hunyuan_v1_moe-1',
    bits: 16,
    tensors: poison('model.layers.0.mlp.experts.2.up_proj.weight', 1, [0, 0, 0x80, 0x47]),
    says: 'model.safetensors: tensor model.layers.0.mlp.experts.2.up_proj.weight: holds 65536, which float16 cannot: convert at 32, 8, 6 or 4 bits',
  },
];

describe(`a value that is not finite is refused by the name of its tensor (${cases.length} kinds)`, () => {
  it.each(cases)('$of: $what', async (broken) => {
    const [from, to] = [fresh(), fresh()];
    await writeBroken(from, await partsOf(broken.of), broken);
    await expectRefusal(from, to, broken);
  });
});

const equalHead = (name: string, embedding: string) => (tensors: Map<string, Stored>) => {
  const found = tensors.get(embedding);
  if (found === undefined) throw new Error(`no tensor ${embedding}`);
  tensors.set(name, found);
};

const accepted: Pick<Broken, 'what' | 'of' | 'tensors'>[] = [
  {
    what: 'a layer that predicts further tokens',
    of: 'glm4_moe-1',
    tensors: added('model.layers.4.eh_proj.weight', [40, 80]),
  },
  {
    what: 'a layer that predicts further tokens',
    of: 'sigma-1',
    tensors: added('model.layers.2.mlp.experts.0.up_proj.weight', [56, 32]),
  },
  {
    what: 'a module that predicts further tokens',
    of: 'ernie4_5_moe-1',
    tensors: added('model.mtp_block.0.mlp.up_proj.weight', [2, 2]),
  },
  {
    what: 'NaN in a part that is not computed',
    of: 'llama4-1',
    tensors: patched('vision_model.patch_embedding.linear.weight', 0, [0xc0, 0x7f]),
  },
  {
    what: 'rotary frequencies',
    of: 'minimax_m2-1',
    tensors: added('model.layers.0.self_attn.rotary_emb.inv_freq', [4]),
  },
  {
    what: 'a head that equals the embedding',
    of: 'ernie4_5_moe-1',
    tensors: equalHead('lm_head.weight', 'model.embed_tokens.weight'),
  },
  {
    what: 'a head that equals the embedding',
    of: 'llama4-1',
    tensors: equalHead('language_model.lm_head.weight', 'language_model.model.embed_tokens.weight'),
  },
  {
    what: 'a bias with leading dimensions of 1',
    of: 'ernie4_5_moe-1',
    tensors: changed('model.layers.1.mlp.moe_statics.e_score_correction_bias', (bias) => ({
      ...bias,
      shape: [1, 1, 6],
    })),
  },
];

it.each(accepted)('$of: $what is accepted, and does not change the bundle', async ({ of, tensors }) => {
  const parts = await partsOf(of);
  const hashes = [];
  for (const changes of [{ tensors }, {}]) {
    const [from, to] = [fresh(), fresh()];
    await writeBroken(from, parts, changes);
    const { contentHash } = await convert({ from, to, bits: 8, workers: 1 });
    hashes.push(contentHash);
  }
  expect(hashes[0]).toBe(hashes[1]);
});
