// Qwen3-MoE, Qwen2-MoE and OLMoE. Sources: configuration_*.py and modeling_*.py of each in huggingface/transformers.
import type { Fields } from '../config-fields.ts';
import type { ModelConfig, RoutingConfig } from '../model-config.ts';
import {
  attentionOf,
  biasesIf,
  countOrZero,
  prototypesOf,
  sigmoidRouting,
  softmaxRouting,
  steppedDense,
  windowOf,
  windowsOf,
} from './fields.ts';
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
    'num_expert_prototypes',
  ],
  denseLayers: steppedDense,
  routing(fields, shape) {
    const rule = sigmoidOrSoftmax(fields, 'qwen3_moe');
    return { ...rule, ...prototypesOf(fields, shape, rule) };
  },
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
    ...['layer_types', 'sliding_window'],
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
        (layer) => (layer + 1) % 2 !== 0 && layer < countOrZero(fields, 'max_window_layers', 28),
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

/** Windows apply only if `use_sliding_window` is true. */
function optionalWindows(fields: Fields, plain: ModelConfig, isSliding: (layer: number) => boolean) {
  const used = fields.flag('use_sliding_window', false);
  const window = (used ? windowOf(fields, 4096) : undefined) ?? plain.context;
  return windowsOf(fields, plain, { window, isSliding });
}

/** The published class has softmax scores only. */
function sigmoidOrSoftmax(fields: Fields, layout: string): RoutingConfig {
  const isSigmoid = fields.text('scoring_func', 'softmax') === 'sigmoid';
  return isSigmoid ? sigmoidRouting(fields) : softmaxRouting(fields, layout, false);
}
