// Checkpoints of every layout whose config.json is wrong about its layers or its router.
import { describe, it } from 'vitest';
import { type Broken, expectRefusal, freshPaths, oracleParts, writeBroken } from './break.ts';

const fresh = freshPaths();
const partsOf = oracleParts(fresh);

const layers: Broken[] = [
  {
    what: 'layer_types is short',
    of: 'gpt_oss-1',
    config: { layer_types: ['sliding_attention'] },
    says: 'config.json: field layer_types: lists 1 entries for 3 layers',
  },
  {
    what: 'layer_types is long',
    of: 'mixtral-1',
    config: { layer_types: Array(4).fill('full_attention') },
    says: 'config.json: field layer_types: lists 4 entries for 3 layers',
  },
  {
    what: 'layer_types names an unknown type',
    of: 'qwen3_moe-1',
    config: { layer_types: Array(5).fill('linear_attention') },
    says: 'config.json: field layer_types: "linear_attention" is not supported (full_attention and sliding_attention are)',
  },
  {
    what: 'layer_types has windows in a layout without any',
    of: 'glm4_moe-1',
    config: { layer_types: Array(4).fill('sliding_attention') },
    says: 'config.json: field layer_types: "sliding_attention" is not supported (full_attention is)',
  },
  {
    what: 'layer_types is a text',
    of: 'dots1-1',
    config: { layer_types: 'full_attention' },
    says: 'config.json: field layer_types: is "full_attention", not a list',
  },
  {
    what: 'moe_layers names a layer that does not exist',
    of: 'llama4_text-1',
    config: { moe_layers: [1, 5] },
    says: 'config.json: field moe_layers: [1,5] is not a list of layers from 0 to 4',
  },
  {
    what: 'moe_layers is empty',
    of: 'llama4_text-1',
    config: { moe_layers: [] },
    says: 'config.json: field moe_layers: is [], which leaves none of the 5 layers with experts',
  },
  {
    what: 'moe_layers names another layer',
    of: 'llama4_text-1',
    config: { moe_layers: [0, 3] },
    says: 'model.safetensors: tensor model.layers.0.mlp.gate.weight: is missing, though config.json describes it',
  },
  {
    what: 'no_rope_layers is short',
    of: 'llama4_text-1',
    config: { no_rope_layers: [1, 0] },
    says: 'config.json: field no_rope_layers: [1,0] is not a list of 5 entries 0 or 1',
  },
  {
    what: 'no_rope_layers has a 2',
    of: 'llama4_text-1',
    config: { no_rope_layers: [1, 1, 2, 1, 1] },
    says: 'config.json: field no_rope_layers: [1,1,2,1,1] is not a list of 5 entries 0 or 1',
  },
  {
    what: 'mlp_only_layers names a layer that does not exist',
    of: 'qwen2_moe-1',
    config: { mlp_only_layers: [7] },
    says: 'config.json: field mlp_only_layers: [7] is not a list of layers from 0 to 4',
  },
  {
    what: 'decoder_sparse_step leaves no experts',
    of: 'qwen3_moe-1',
    config: { decoder_sparse_step: 9 },
    says: 'config.json: field decoder_sparse_step: is 9, which leaves none of the 5 layers with experts',
  },
  {
    what: 'first_k_dense_replace leaves no experts',
    of: 'sigma-1',
    config: { first_k_dense_replace: 2 },
    says: 'config.json: field first_k_dense_replace: is 2, which leaves none of the 2 layers with experts',
  },
  {
    what: 'first_k_dense_replace is negative',
    of: 'bailing_moe_v2-1',
    config: { first_k_dense_replace: -1 },
    says: 'config.json: field first_k_dense_replace: is -1, not a whole number from 0 to 16777216',
  },
  {
    what: 'first_k_dense_replace hides experts',
    of: 'dots1-1',
    config: { first_k_dense_replace: 2 },
    says: 'model.safetensors: tensor model.layers.1.mlp.gate_proj.weight: is missing, though config.json describes it',
  },
  {
    what: 'moe_layer_start_index leaves no experts',
    of: 'ernie4_5_moe-1',
    config: { moe_layer_start_index: 9 },
    says: 'config.json: field moe_layer_start_index: is 9, which leaves none of the 3 layers with experts',
  },
  {
    what: 'moe_layer_interval skips layers with experts',
    of: 'ernie4_5_moe-1',
    config: { moe_layer_interval: 2 },
    says: 'model.safetensors: tensor model.layers.2.mlp.gate_proj.weight: is missing, though config.json describes it',
  },
];

const routing: Broken[] = [
  {
    what: 'n_group does not divide the experts',
    of: 'bailing_moe_v2-1',
    config: { n_group: 3, topk_group: 3 },
    says: 'config.json: field n_group: is 3, which does not cut the 8 experts into groups of 2 or more',
  },
  {
    what: 'n_group makes groups of one',
    of: 'dots1-1',
    config: { n_group: 8, topk_group: 4 },
    says: 'config.json: field n_group: is 8, which does not cut the 8 experts into groups of 2 or more',
  },
  {
    what: 'topk_group is above n_group',
    of: 'glm4_moe-1',
    config: { topk_group: 2 },
    says: 'config.json: field topk_group: is 2, which is more than the 1 groups',
  },
  {
    what: 'the kept groups are too small',
    of: 'bailing_moe_v2-1',
    config: { num_experts_per_tok: 5 },
    says: 'config.json: field topk_group: is 1: its groups have fewer than the 5 experts of a token',
  },
  {
    what: 'groups in a layout without any',
    of: 'minimax_m2-1',
    config: { n_group: 2 },
    says: 'config.json: field n_group: 2 is not supported',
  },
  {
    what: 'scoring_func is unknown',
    of: 'sigma-1',
    config: { scoring_func: 'tanh' },
    says: 'config.json: field scoring_func: "tanh" is not supported (softmax and sigmoid are)',
  },
  {
    what: 'scoring_func is unknown',
    of: 'minimax_m2-1',
    config: { scoring_func: 'softmax' },
    says: 'config.json: field scoring_func: "softmax" is not supported (sigmoid is)',
  },
  {
    what: 'scoring_func is unknown',
    of: 'granitemoe-1',
    config: { scoring_func: 'sigmoid' },
    says: 'config.json: field scoring_func: "sigmoid" is not supported in the granitemoe layout',
  },
  {
    what: 'score_function is unknown',
    of: 'bailing_moe_v2-1',
    config: { score_function: 'softmax' },
    says: 'config.json: field score_function: "softmax" is not supported (sigmoid is)',
  },
  {
    what: 'topk_method is unknown',
    of: 'dots1-1',
    config: { topk_method: 'greedy' },
    says: 'config.json: field topk_method: "greedy" is not supported (noaux_tc is)',
  },
  {
    what: 'topk_method is unknown',
    of: 'sigma-1',
    config: { topk_method: 'group_limited_greedy' },
    says: 'config.json: field topk_method: "group_limited_greedy" is not supported (noaux_tc and greedy are)',
  },
  {
    what: 'moe_k is above the experts',
    of: 'ernie4_5_moe-1',
    config: { moe_k: 7 },
    says: 'config.json: field moe_k: 7 is not a whole number from 1 to the 6 experts',
  },
  {
    what: 'moe_topk lists too many layers',
    of: 'hunyuan_v1_moe-1',
    config: { moe_topk: [2, 2, 2, 2, 2] },
    says: 'config.json: field moe_topk: lists 5 entries for 4 layers',
  },
  {
    what: 'experts per token above 1',
    of: 'llama4_text-1',
    config: { num_experts_per_tok: 2 },
    says: 'config.json: field num_experts_per_tok: above 1 is not supported: weights multiply the input of one expert',
  },
  {
    what: 'experts per token of 0',
    of: 'gpt_oss-1',
    config: { num_experts_per_tok: 0 },
    says: 'config.json: field num_experts_per_tok: is 0, not a whole number from 1 to 16777216',
  },
  {
    what: 'two numbers of experts',
    of: 'sigma-1',
    config: { num_experts: 16 },
    says: 'config.json: field num_experts: contradicts n_routed_experts 12',
  },
  {
    what: 'no renormalisation',
    of: 'mixtral-1',
    config: { norm_topk_prob: false },
    says: 'config.json: field norm_topk_prob: is false, but the mixtral layout always renormalises',
  },
  {
    what: 'a factor of 0',
    of: 'glm4_moe-1',
    config: { routed_scaling_factor: 0 },
    says: 'config.json: field routed_scaling_factor: is 0, not a number above 0',
  },
  {
    what: 'a factor of infinity',
    of: 'granitemoe-1',
    config: { residual_multiplier: 'Infinity' },
    says: 'config.json: field residual_multiplier: is "Infinity", not a number',
  },
];

const tables = { layers, routing };
for (const [kind, cases] of Object.entries(tables)) {
  describe(`a config.json that lies about its ${kind} is refused by name (${cases.length} kinds)`, () => {
    it.each(cases)('$of: $what', async (broken) => {
      const [from, to] = [fresh(), fresh()];
      await writeBroken(from, await partsOf(broken.of), broken);
      await expectRefusal(from, to, broken);
    });
  });
}
