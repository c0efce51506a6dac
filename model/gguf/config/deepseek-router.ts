// The config.json of architectures whose router follows DeepSeek-V3: GLM-4.5 to 4.7, dots.llm1 and Ling/Bailing-MoE v2. Sources:
// the converters of llama.cpp, and src/models/*.cpp.
import type { GgufModel } from '../read.ts';
import { requireWholeRotation } from './rope.ts';
import { type ConfigJson, type ConfigSource, expertWidth, named } from './source.ts';

/** The fields of routers that follow DeepSeek-V3. */
function deepseekRouter(source: ConfigSource, model: GgufModel): ConfigJson {
  const { keys } = source;
  const width = expertWidth(source, model);
  const shared = keys.count('expert_shared_count', 0);
  const sharedWidth = keys.count('expert_shared_feed_forward_length', shared * width);
  if (sharedWidth !== shared * width) {
    keys.refuse(
      'expert_shared_feed_forward_length',
      `is ${sharedWidth}, not ${shared} times the expert's ${width}`,
    );
  }
  return {
    intermediate_size: keys.count('feed_forward_length'),
    moe_intermediate_size: width,
    num_experts_per_tok: keys.count('expert_used_count'),
    first_k_dense_replace: keys.count('leading_dense_block_count', 0),
    norm_topk_prob: keys.flag('expert_weights_norm', false),
    routed_scaling_factor: keys.number('expert_weights_scale', 0) || 1,
    n_group: keys.count('expert_group_count', 0) || 1,
    topk_group: keys.count('expert_group_used_count', 0) || 1,
  };
}

/** llama.cpp numbers the functions: 1 is softmax, 2 sigmoid. */
export function requireSigmoid({ keys }: ConfigSource): void {
  const gating = keys.count('expert_gating_func', 2);
  if (gating !== 2) keys.refuse('expert_gating_func', `${gating} is not supported (2, sigmoid, is)`);
}

export function glm4moe(source: ConfigSource, model: GgufModel): ConfigJson {
  requireSigmoid(source);
  const { keys, headDim } = source;
  return {
    ...named('glm4_moe', 'Glm4MoeForCausalLM'),
    ...deepseekRouter(source, model),
    n_routed_experts: keys.count('expert_count'),
    n_shared_experts: keys.count('expert_shared_count', 0),
    partial_rotary_factor: keys.count('rope.dimension_count', headDim) / headDim,
    use_qk_norm: source.hasTensor('attn_q_norm.weight'),
    attention_bias: source.hasTensor('attn_q.bias'),
    num_nextn_predict_layers: keys.count('nextn_predict_layers', 0),
  };
}

export function dots1(source: ConfigSource, model: GgufModel): ConfigJson {
  requireSigmoid(source);
  requireWholeRotation(source);
  const { keys } = source;
  return {
    ...named('dots1', 'Dots1ForCausalLM'),
    ...deepseekRouter(source, model),
    n_routed_experts: keys.count('expert_count'),
    n_shared_experts: keys.count('expert_shared_count', 0),
    attention_bias: source.hasTensor('attn_q.bias'),
    sliding_window: null,
  };
}

export function bailing(source: ConfigSource, model: GgufModel): ConfigJson {
  requireSigmoid(source);
  const { keys, headDim } = source;
  return {
    ...named('bailing_moe_v2', 'BailingMoeV2ForCausalLM'),
    ...deepseekRouter(source, model),
    num_experts: keys.count('expert_count'),
    num_shared_experts: keys.count('expert_shared_count', 0),
    score_function: 'sigmoid',
    moe_router_enable_expert_bias: source.hasTensor('exp_probs_b.bias'),
    partial_rotary_factor: keys.count('rope.dimension_count', headDim) / headDim,
    use_qk_norm: source.hasTensor('attn_q_norm.weight'),
    use_qkv_bias: source.hasTensor('attn_qkv.bias'),
    use_bias: false,
    num_nextn_predict_layers: keys.count('nextn_predict_layers', 0),
  };
}
