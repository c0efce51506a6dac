// Qwen3-MoE, Qwen2-MoE and OLMoE. Sources: configuration_*.py and modeling_*.py of each in huggingface/transformers.
import type { Fields } from '../config-fields.ts';
import type { ModelConfig, RoutingConfig } from '../model-config.ts';
import { attentionOf, biasesIf, softmaxRouting, steppedDense, windowsOf } from './fields.ts';
import type { ConfigLayout } from './layout.ts';

const experts = ['num_experts', 'num_local_experts'] as const;

export const qwen3Moe: ConfigLayout = {
  title: 'Qwen3-MoE',
  plain: {
    ...{ kvHeads: 4, context: 32_768, normEps: 1e-6, ropeBase: 10_000, qkNorm: 'head' },
    ...{ experts, inner: 'moe_intermediate_size' },
  },
  computes: [
    ...['attention_bias', 'mlp_only_layers', 'decoder_sparse_step', 'layer_types', 'sliding_window'],
    'use_sliding_window',
  ],
  denseLayers: steppedDense,
  routing: (fields) => sigmoidOrSoftmax(fields, 'qwen3_moe'),
  vary: (fields, plain) =>
    attentionOf({
      ...biasesIf(fields.flag('attention_bias', false), true),
      ...optionalWindows(fields, plain, () => true),
    }),
};

export const qwen2Moe: ConfigLayout = {
  title: 'Qwen2-MoE',
  plain: {
    ...{ kvHeads: 16, context: 32_768, normEps: 1e-6, ropeBase: 10_000, qkNorm: 'none' },
    ...{ experts, inner: 'moe_intermediate_size' },
  },
  computes: [
    ...['qkv_bias', 'mlp_only_layers', 'decoder_sparse_step', 'shared_expert_intermediate_size'],
    ...['layer_types', 'sliding_window', 'use_sliding_window'],
  ],
  denseLayers: steppedDense,
  routing: (fields) => softmaxRouting(fields, 'qwen2_moe', false),
  vary: (fields, plain) => ({
    sharedExpert: { inner: fields.count('shared_expert_intermediate_size', 5632), gated: true },
    ...attentionOf({
      ...biasesIf(fields.flag('qkv_bias', true), false),
      ...optionalWindows(
        fields,
        plain,
        (layer) => (layer + 1) % 2 !== 0 && layer < fields.count('max_window_layers', 28),
      ),
    }),
  }),
};

export const olmoe: ConfigLayout = {
  title: 'OLMoE',
  plain: {
    ...{ context: 4096, normEps: 1e-5, ropeBase: 10_000, qkNorm: 'projection' },
    ...{ experts, inner: 'intermediate_size' },
  },
  computes: ['attention_bias'],
  routing: (fields) => softmaxRouting(fields, 'olmoe', false),
  vary: (fields) => attentionOf(biasesIf(fields.flag('attention_bias', false), true)),
};

/** The windows count only if `use_sliding_window` is true. */
export function optionalWindows(fields: Fields, plain: ModelConfig, isSliding: (layer: number) => boolean) {
  const used = fields.flag('use_sliding_window', false) && fields.has('sliding_window');
  const window = used ? fields.count('sliding_window') : plain.context;
  return windowsOf(fields, plain, { window, isSliding });
}

/** Sigmoid scores have a selection bias, unless `topk_method` is `greedy`. */
export function sigmoidOrSoftmax(fields: Fields, layout: string): RoutingConfig {
  const score = fields.text('scoring_func', 'softmax');
  if (score !== 'sigmoid') return softmaxRouting(fields, layout, false);
  const method = fields.text('topk_method', 'noaux_tc');
  if (method !== 'noaux_tc' && method !== 'greedy')
    fields.refuse('topk_method', `"${method}" is not supported`);
  return {
    score,
    renormalise: fields.flag('norm_topk_prob', true),
    selectionBias: method === 'noaux_tc',
    scale: fields.positive('routed_scaling_factor', 1),
  };
}
