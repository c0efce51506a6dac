// Writes the config.json of a checkpoint in each layout.
import type { ModelConfig } from '../../../model/config/config.ts';
import type { RopeScaling } from '../../../model/config/config-rope.ts';
import { specials } from './byte-tokenizer.ts';
import type { FloatDtype } from './safetensors-writer.ts';

export interface ConfigJsonOptions {
  dtype: FloatDtype;
  /** `num_experts_per_tok` of the file: one number, or a list with a number for each layer. */
  k?: number | readonly number[];
}

const dtypeNames = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' } as const;

const layoutFields = {
  qwen3_moe: ({ headDim, inner, experts, routing }: ModelConfig) => ({
    architectures: ['Qwen3MoeForCausalLM'],
    head_dim: headDim,
    // The width of dense layers, although there are none. A reader must use moe_intermediate_size.
    intermediate_size: inner * 3,
    moe_intermediate_size: inner,
    num_experts: experts,
    norm_topk_prob: routing.renormalise,
    decoder_sparse_step: 1,
    mlp_only_layers: [],
    attention_bias: false,
    use_sliding_window: false,
    ...(routing.score === 'sigmoid' ? { scoring_func: 'sigmoid' } : {}),
    ...(routing.prototypes === undefined ? {} : { num_expert_prototypes: routing.prototypes }),
  }),
  mixtral: ({ headDim, inner, experts }: ModelConfig) => ({
    architectures: ['MixtralForCausalLM'],
    head_dim: headDim,
    intermediate_size: inner,
    num_local_experts: experts,
    sliding_window: null,
  }),
  olmoe: ({ inner, experts, routing }: ModelConfig) => ({
    architectures: ['OlmoeForCausalLM'],
    intermediate_size: inner,
    num_experts: experts,
    norm_topk_prob: routing.renormalise,
    attention_bias: false,
    clip_qkv: null,
  }),
};

function fieldsOf(config: ModelConfig): Record<string, unknown> {
  const { layout } = config;
  if (layout === 'qwen3_moe' || layout === 'mixtral' || layout === 'olmoe')
    return layoutFields[layout](config);
  throw new Error(`the tests write no checkpoint of the layout ${layout}`);
}

/** config.json of a checkpoint with this shape. */
export function configJson(
  config: ModelConfig,
  { dtype, k = config.expertsPerToken[0] ?? 1 }: ConfigJsonOptions,
): Record<string, unknown> {
  const { bos, eos } = specials;
  return {
    model_type: config.layout,
    ...fieldsOf(config),
    hidden_size: config.hidden,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    num_experts_per_tok: k,
    hidden_act: 'silu',
    vocab_size: config.vocab,
    max_position_embeddings: config.context,
    rms_norm_eps: config.normEps,
    rope_theta: config.rope.base,
    rope_scaling: ropeScalingJson(config.rope.scaling),
    tie_word_embeddings: config.tiedEmbeddings,
    torch_dtype: dtypeNames[dtype],
    bos_token_id: Math.min(bos, config.vocab - 1),
    eos_token_id: eos.map((id) => Math.min(id, config.vocab - 1)),
    ...(config.routing.scale === 1 ? {} : { routed_scaling_factor: config.routing.scale }),
  };
}

function ropeScalingJson(scaling: RopeScaling): Record<string, unknown> | null {
  switch (scaling.type) {
    case 'default':
      return null;
    case 'linear':
      return { rope_type: 'linear', factor: scaling.factor };
    case 'llama3':
      return {
        rope_type: 'llama3',
        factor: scaling.factor,
        low_freq_factor: scaling.lowFreqFactor,
        high_freq_factor: scaling.highFreqFactor,
        original_max_position_embeddings: scaling.originalContext,
      };
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor: scaling.factor,
        original_max_position_embeddings: scaling.originalContext,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        attention_factor: scaling.attentionFactor,
        truncate: scaling.truncate,
      };
  }
}
