// Refuses settings of a config.json that this engine does not support. The error names the field. No such setting is ignored,
// because the answers would then be silently wrong.
import { type Fields, show } from './config-fields.ts';

/**
 * These fields change the model unless they are absent, null or one of these values. A layout that computes a field names it in
 * `computes`.
 */
const harmlessValues: Readonly<Record<string, readonly unknown[]>> = {
  attention_bias: [false],
  qkv_bias: [false],
  use_bias: [false],
  use_qkv_bias: [false],
  mlp_bias: [false],
  hidden_act: ['silu'],
  decoder_sparse_step: [1],
  first_k_dense_replace: [0],
  moe_layer_freq: [1],
  moe_layers: [],
  clip_qkv: [],
  shared_expert_intermediate_size: [0],
  shared_intermediate_size: [0],
  n_shared_experts: [0],
  num_shared_experts: [0],
  num_shared_expert: [0],
  moe_num_shared_experts: [0],
  n_group: [1],
  topk_group: [1],
  num_expert_prototypes: [1],
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  embedding_multiplier: [1],
  residual_multiplier: [1],
  logits_scaling: [1],
  no_rope_layers: [],
  mlp_only_layers: [],
  kv_lora_rank: [],
  q_lora_rank: [],
  use_cla: [false],
  zero_expert_num: [0],
  moe_layer_num_skipped: [0],
  attention_multiplier: [],
  swiglu_alpha: [],
  swiglu_limit: [],
};

export function refuseUnsupported(fields: Fields, computes: readonly string[]): void {
  for (const [name, harmless] of Object.entries(harmlessValues)) {
    if (!fields.has(name) || computes.includes(name)) continue;
    const value = fields.raw(name);
    const isEmpty = Array.isArray(value) && value.length === 0;
    if (!harmless.includes(value) && !isEmpty) fields.refuse(name, `${show(value)} is not supported`);
  }
  if (!computes.includes('layer_types')) refuseLayerTypes(fields);
  if (!computes.includes('sliding_window')) refuseWindow(fields);
}

function refuseLayerTypes(fields: Fields): void {
  const types = fields.raw('layer_types');
  if (types === undefined) return;
  if (!Array.isArray(types)) fields.refuse('layer_types', `is ${show(types)}, not a list`);
  const other = types.find((type) => type !== 'full_attention');
  if (other !== undefined)
    fields.refuse('layer_types', `${show(other)} is not supported (full_attention is)`);
  const layers = fields.count('num_hidden_layers');
  if (types.length !== layers)
    fields.refuse('layer_types', `lists ${types.length} entries for ${layers} layers`);
}

/** A sliding window as wide as the context has no effect, nor has one that `use_sliding_window` switches off. */
function refuseWindow(fields: Fields): void {
  if (!fields.has('sliding_window') || !fields.flag('use_sliding_window', true)) return;
  const window = fields.count('sliding_window');
  const context = fields.has('max_position_embeddings') ? fields.count('max_position_embeddings') : 0;
  if (window < context || context === 0)
    fields.refuse('sliding_window', `${window} of ${context} positions is not supported`);
}
