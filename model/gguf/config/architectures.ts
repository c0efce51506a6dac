// For each architecture of llama.cpp: the fields of the config.json of the same model. Sources: the converters of llama.cpp, which
// map the other way, and what llama.cpp computes (src/models/*.cpp) if the file does not say it.
import type { GgufModel } from '../read.ts';
import { bailing, dots1, glm4moe, requireSigmoid } from './deepseek-router.ts';
import { requireWholeRotation } from './rope.ts';
import { type ConfigJson, type ConfigSource, expertWidth, named } from './source.ts';

/** The fields in which the architecture differs. They replace those that all architectures have. */
export type Architecture = (source: ConfigSource, model: GgufModel) => ConfigJson;

export const architectures: Readonly<Record<string, Architecture>> = {
  llama: (source, model) => (source.keys.count('expert_count', 0) > 0 ? mixtral : llama)(source, model),
  qwen2moe,
  qwen3moe,
  olmoe,
  'gpt-oss': gptOss,
  granitemoe,
  glm4moe,
  llama4,
  'ernie4_5-moe': ernie,
  dots1,
  'hunyuan-moe': hunyuan,
  'minimax-m2': minimax,
  bailingmoe2: bailing,
};

function llama(source: ConfigSource): ConfigJson {
  requireWholeRotation(source);
  return {
    ...named('llama', 'LlamaForCausalLM'),
    intermediate_size: source.keys.count('feed_forward_length'),
    attention_bias: source.hasTensor('attn_q.bias'),
    mlp_bias: source.hasTensor('ffn_up.bias'),
  };
}

/** llama.cpp divides the weights of the chosen experts by their sum, as Mixtral does. */
function mixtral(source: ConfigSource, model: GgufModel): ConfigJson {
  requireWholeRotation(source);
  const { keys } = source;
  keys.count('feed_forward_length', 0);
  return {
    ...named('mixtral', 'MixtralForCausalLM'),
    intermediate_size: expertWidth(source, model),
    num_local_experts: keys.count('expert_count'),
    num_experts_per_tok: keys.count('expert_used_count'),
    sliding_window: null,
  };
}

/** The fields of Qwen's mixtures of experts. All layers have experts. */
function qwenExperts(source: ConfigSource, model: GgufModel): ConfigJson {
  requireWholeRotation(source);
  const { keys } = source;
  const width = expertWidth(source, model);
  return {
    intermediate_size: keys.count('feed_forward_length', width),
    moe_intermediate_size: width,
    num_experts: keys.count('expert_count'),
    num_experts_per_tok: keys.count('expert_used_count'),
    decoder_sparse_step: 1,
    mlp_only_layers: [],
    use_sliding_window: false,
  };
}

function qwen3moe(source: ConfigSource, model: GgufModel): ConfigJson {
  return {
    ...named('qwen3_moe', 'Qwen3MoeForCausalLM'),
    ...qwenExperts(source, model),
    norm_topk_prob: true,
    attention_bias: source.hasTensor('attn_q.bias'),
  };
}

function qwen2moe(source: ConfigSource, model: GgufModel): ConfigJson {
  const { keys, shapeOf } = source;
  const shared =
    keys.count('expert_shared_feed_forward_length', 0) || shapeOf('ffn_down_shexp.weight')?.at(-1);
  return {
    ...named('qwen2_moe', 'Qwen2MoeForCausalLM'),
    ...qwenExperts(source, model),
    norm_topk_prob: false,
    qkv_bias: source.hasTensor('attn_q.bias'),
    shared_expert_intermediate_size: shared ?? keys.refuse('expert_shared_feed_forward_length', 'is missing'),
  };
}

function olmoe(source: ConfigSource, model: GgufModel): ConfigJson {
  requireWholeRotation(source);
  const { keys } = source;
  keys.count('feed_forward_length', 0);
  return {
    ...named('olmoe', 'OlmoeForCausalLM'),
    intermediate_size: expertWidth(source, model),
    num_experts: keys.count('expert_count'),
    num_experts_per_tok: keys.count('expert_used_count'),
    norm_topk_prob: false,
    clip_qkv: keys.has('attention.clamp_kqv') ? keys.number('attention.clamp_kqv') : null,
  };
}

/**
 * The file does not say that every second layer has a window, nor the limit of 7 of the activation: llama.cpp has both as constants.
 * The published rope_scaling has `truncate: false`, for which GGUF has no key.
 */
function gptOss(source: ConfigSource, model: GgufModel): ConfigJson {
  requireWholeRotation(source);
  const { keys, layers } = source;
  keys.count('feed_forward_length', 0);
  const perToken = keys.count('expert_used_count');
  return {
    ...named('gpt_oss', 'GptOssForCausalLM'),
    intermediate_size: expertWidth(source, model),
    num_local_experts: keys.count('expert_count'),
    num_experts_per_tok: perToken,
    experts_per_token: perToken,
    sliding_window: keys.count('attention.sliding_window'),
    layer_types: Array.from({ length: layers }, (_, i) =>
      i % 2 === 0 ? 'sliding_attention' : 'full_attention',
    ),
    attention_bias: true,
    swiglu_limit: 7,
    ropeScaling: { truncate: false },
  };
}

/** An absent or zero scale is left out by llama.cpp: the factor is then 1, or 1 / sqrt(head width) for attention. */
function granitemoe(source: ConfigSource, model: GgufModel): ConfigJson {
  requireWholeRotation(source);
  const { keys, headDim } = source;
  keys.count('feed_forward_length', 0);
  const shared = keys.count('expert_shared_feed_forward_length', 0);
  return {
    ...(shared > 0
      ? named('granitemoeshared', 'GraniteMoeSharedForCausalLM')
      : named('granitemoe', 'GraniteMoeForCausalLM')),
    intermediate_size: expertWidth(source, model),
    num_local_experts: keys.count('expert_count'),
    num_experts_per_tok: keys.count('expert_used_count'),
    ...(shared > 0 && { shared_intermediate_size: shared }),
    attention_bias: source.hasTensor('attn_q.bias'),
    embedding_multiplier: keys.number('embedding_scale', 0) || 1,
    residual_multiplier: keys.number('residual_scale', 0) || 1,
    attention_multiplier: keys.number('attention.scale', 0) || 1 / Math.sqrt(headDim),
    logits_scaling: keys.number('logit_scale', 0) || 1,
  };
}

/**
 * The chunk of 8192 positions, three layers in four with rotation, and the temperature of the others are constants of llama.cpp.
 * It norms q and k unless there are 128 experts. A window of 0 stands for none of this.
 */
function llama4(source: ConfigSource, model: GgufModel): ConfigJson {
  requireWholeRotation(source);
  const { keys, layers } = source;
  const experts = keys.count('expert_count');
  if (keys.has('attention.sliding_window'))
    keys.refuse('attention.sliding_window', 'is not supported in this architecture');
  return {
    ...named('llama4_text', 'Llama4ForCausalLM'),
    intermediate_size: expertWidth(source, model),
    intermediate_size_mlp: keys.count('feed_forward_length'),
    num_local_experts: experts,
    num_experts_per_tok: keys.count('expert_used_count'),
    interleave_moe_layer_step: keys.count('interleave_moe_layer_step'),
    no_rope_layers: Array.from({ length: layers }, (_, i) => ((i + 1) % 4 === 0 ? 0 : 1)),
    attention_chunk_size: 8192,
    attn_temperature_tuning: true,
    floor_scale: 8192,
    attn_scale: 0.1,
    use_qk_norm: experts !== 128,
    attention_bias: false,
  };
}

/** The converter writes the width of dense layers divided by the key/value heads as that of the shared expert, so that it is not read. */
function ernie(source: ConfigSource, model: GgufModel): ConfigJson {
  requireWholeRotation(source);
  const { keys } = source;
  keys.count('expert_shared_feed_forward_length', 0);
  return {
    ...named('ernie4_5_moe', 'Ernie4_5_MoeForCausalLM'),
    intermediate_size: keys.count('feed_forward_length'),
    moe_intermediate_size: expertWidth(source, model),
    moe_num_experts: keys.count('expert_count'),
    moe_k: keys.count('expert_used_count'),
    moe_num_shared_experts: keys.count('expert_shared_count', 0),
    moe_layer_interval: keys.count('interleave_moe_layer_step'),
    moe_layer_start_index: keys.count('leading_dense_block_count', 0),
    moe_layer_end_index: -1,
    use_bias: false,
  };
}

/** The file has the larger base that the published `dynamic` scaling with `alpha` comes to. */
function hunyuan(source: ConfigSource, model: GgufModel): ConfigJson {
  requireWholeRotation(source);
  const { keys } = source;
  const width = expertWidth(source, model);
  keys.count('feed_forward_length', 0);
  const shared = keys.count('expert_shared_feed_forward_length', width);
  if (shared !== width)
    keys.refuse('expert_shared_feed_forward_length', `is ${shared}, not the expert's ${width}`);
  return {
    ...named('hunyuan_v1_moe', 'HunYuanMoEV1ForCausalLM'),
    intermediate_size: width,
    moe_intermediate_size: width,
    num_experts: keys.count('expert_count'),
    moe_topk: keys.count('expert_used_count'),
    num_shared_expert: keys.count('expert_shared_count', 1),
    use_qk_norm: source.hasTensor('attn_q_norm.weight'),
    attention_bias: source.hasTensor('attn_q.bias'),
  };
}

function minimax(source: ConfigSource, model: GgufModel): ConfigJson {
  requireSigmoid(source);
  const { keys, headDim } = source;
  keys.count('feed_forward_length', 0);
  return {
    ...named('minimax_m2', 'MiniMaxM2ForCausalLM'),
    intermediate_size: expertWidth(source, model),
    num_local_experts: keys.count('expert_count'),
    num_experts_per_tok: keys.count('expert_used_count'),
    rotary_dim: keys.count('rope.dimension_count', headDim),
    scoring_func: 'sigmoid',
    use_routing_bias: source.hasTensor('exp_probs_b.bias'),
    use_qk_norm: source.hasTensor('attn_q_norm.weight'),
  };
}
