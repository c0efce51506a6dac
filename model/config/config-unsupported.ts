// Refuses settings of a config.json that this engine does not support. The error names the field. No such setting is ignored,
// because the answers would then be silently wrong.
import { type Fields, show } from './config-fields.ts';

/** These fields change the model unless they are absent, null or one of these values. */
const harmlessValues: Readonly<Record<string, readonly unknown[]>> = {
  attention_bias: [false],
  qkv_bias: [false],
  mlp_bias: [false],
  hidden_act: ['silu'],
  decoder_sparse_step: [1],
  first_k_dense_replace: [0],
  moe_layer_freq: [1],
  clip_qkv: [],
  quantization_config: [],
  shared_expert_intermediate_size: [0],
  n_shared_experts: [0],
  num_shared_experts: [0],
  n_group: [1],
  topk_group: [1],
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
};

export function refuseUnsupported(fields: Fields): void {
  for (const [name, harmless] of Object.entries(harmlessValues)) {
    if (!fields.has(name)) continue;
    const value = fields.raw(name);
    if (!harmless.includes(value)) fields.refuse(name, `${show(value)} is not supported`);
  }
  const denseLayers = fields.raw('mlp_only_layers');
  if (denseLayers !== undefined && !(Array.isArray(denseLayers) && denseLayers.length === 0)) {
    const reason = 'is not supported: every layer must be a mixture of experts';
    fields.refuse('mlp_only_layers', `${show(denseLayers)} ${reason}`);
  }
  const layerTypes = fields.raw('layer_types');
  if (layerTypes === undefined) return;
  if (!Array.isArray(layerTypes)) fields.refuse('layer_types', `is ${show(layerTypes)}, not a list`);
  const other = layerTypes.find((type) => type !== 'full_attention');
  if (other !== undefined)
    fields.refuse('layer_types', `${show(other)} is not supported (full_attention is)`);
}

/** A sliding window as wide as the context has no effect. Qwen3's window is off unless `use_sliding_window` is true. */
export function refuseWindow(fields: Fields, layout: string, context: number): void {
  const used = fields.flag('use_sliding_window', layout !== 'qwen3_moe');
  if (!used || !fields.has('sliding_window')) return;
  const window = fields.count('sliding_window');
  if (window < context) fields.refuse('sliding_window', `${window} of ${context} positions is not supported`);
}
