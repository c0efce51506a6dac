// Turns the config.json of a dense model into that of a mixture of equal experts, one for each token. Pure.
//
// Sources of fields and defaults: configuration_llama.py, configuration_mistral.py and configuration_qwen3.py in
// huggingface/transformers.
import { readFields } from '../config/config-fields.ts';
import type { LayoutName } from '../config/model-config.ts';
import type { Json } from './growth.ts';

interface DenseLayout {
  layout: LayoutName;
  architecture: string;
  /** Values of absent fields, because the mixture's defaults differ. */
  defaults: Json;
  /** Fields of the mixture. */
  mixture(json: Json, experts: number): Json;
}

const likeMixtral = {
  layout: 'mixtral',
  architecture: 'MixtralForCausalLM',
  mixture: (_, experts) => ({ num_local_experts: experts }),
} as const satisfies Partial<DenseLayout>;

const denseLayouts: Readonly<Record<string, DenseLayout>> = {
  llama: {
    ...likeMixtral,
    defaults: {
      ...{ rms_norm_eps: 1e-6, max_position_embeddings: 2048, tie_word_embeddings: false },
      ...{ rope_theta: 10_000, sliding_window: null },
    },
  },
  mistral: {
    ...likeMixtral,
    defaults: {
      ...{ num_key_value_heads: 8, rms_norm_eps: 1e-6, max_position_embeddings: 131_072 },
      ...{ tie_word_embeddings: false, rope_theta: 10_000, sliding_window: 4096 },
    },
  },
  qwen3: {
    layout: 'qwen3_moe',
    architecture: 'Qwen3MoeForCausalLM',
    defaults: {
      ...{ num_key_value_heads: 32, head_dim: 128, rms_norm_eps: 1e-6, max_position_embeddings: 32_768 },
      ...{ tie_word_embeddings: false, rope_theta: 10_000, use_sliding_window: false },
    },
    mixture: (json, experts) => ({
      ...{ num_experts: experts, moe_intermediate_size: json.intermediate_size, norm_topk_prob: true },
      ...{ decoder_sparse_step: 1, mlp_only_layers: [] },
    }),
  },
};

/** The values of `model_type` that `mixtureJson` reads. */
export const denseTypes = Object.keys(denseLayouts);

export function isDenseType(type: unknown): type is string {
  return typeof type === 'string' && denseTypes.includes(type);
}

/** Throws an InputError that names `file` if the mixture's layout has other windows. */
export function mixtureJson(json: Json, experts: number, file: string): Json {
  const fields = readFields(json, file);
  const dense = denseLayouts[fields.text('model_type')];
  if (dense === undefined) return fields.refuse('model_type', `is not one of ${denseTypes.join(', ')}`);
  // In Qwen3, layers from max_window_layers on have windows; in Qwen3-MoE, all do.
  if (fields.flag('use_sliding_window', false) && !fields.has('layer_types'))
    fields.refuse('use_sliding_window', 'is true without layer_types, which is not supported');
  const heads = fields.count('num_attention_heads');
  const { rope_theta: ropeTheta, ...defaults } = dense.defaults;
  // Null stands for the default, except that a null window is none, and null key heads are as many as query heads.
  const kvHeads = json.num_key_value_heads === null ? { num_key_value_heads: heads } : {};
  const given = Object.entries(json).filter(([name, value]) => value !== null || name === 'sliding_window');
  return {
    ...{ num_key_value_heads: heads, ...defaults, ...kvHeads },
    // transformers 5 has the base among the rope_parameters.
    ...(!fields.has('rope_parameters') && { rope_theta: ropeTheta }),
    ...Object.fromEntries(given),
    ...dense.mixture(json, experts),
    num_experts_per_tok: 1,
    model_type: dense.layout,
    architectures: [dense.architecture],
  };
}
