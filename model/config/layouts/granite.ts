// GraniteMoE and GraniteMoE with a shared expert. Sources: modeling_granitemoe.py and modeling_granitemoeshared.py in
// huggingface/transformers.
import type { Fields } from '../config-fields.ts';
import type { ModelConfig, RoutingConfig } from '../model-config.ts';
import { attentionOf, biasesIf, countOrZero, renormalisedRouting } from './fields.ts';
import type { ConfigLayout, PlainFields } from './layout.ts';

const plain: PlainFields = {
  ...{ context: 2048, normEps: 1e-6, ropeBase: 10_000, qkNorm: 'none' },
  ...{ experts: ['num_local_experts', 'num_experts'], inner: 'intermediate_size' },
};

const computes = [
  ...['attention_bias', 'attention_multiplier', 'embedding_multiplier', 'logits_scaling'],
  'residual_multiplier',
] as const;

export const graniteMoe: ConfigLayout = {
  title: 'GraniteMoE',
  plain,
  computes,
  routing,
  vary,
};

export const graniteMoeShared: ConfigLayout = {
  title: 'GraniteMoE with a shared expert',
  plain,
  computes: [...computes, 'shared_intermediate_size'],
  routing,
  vary(fields, config) {
    const inner = countOrZero(fields, 'shared_intermediate_size');
    return { ...vary(fields, config), ...(inner > 0 && { sharedExpert: { inner, gated: false } }) };
  },
};

/** The experts' answers are multiplied by `residual_multiplier`, which the weights take along. */
function routing(fields: Fields): RoutingConfig {
  const rule = renormalisedRouting(fields, 'granitemoe');
  return { ...rule, scale: rule.scale * fields.positive('residual_multiplier', 1) };
}

function vary(fields: Fields, { headDim }: ModelConfig): Partial<ModelConfig> {
  const multipliers = {
    embedding: fields.positive('embedding_multiplier', 1),
    residual: fields.positive('residual_multiplier', 1),
    logits: 1 / fields.positive('logits_scaling', 1),
  };
  const scale = fields.positive('attention_multiplier', 1);
  return {
    ...(Object.values(multipliers).some((factor) => factor !== 1) && { multipliers }),
    ...attentionOf({
      ...biasesIf(fields.flag('attention_bias', false), true),
      ...(scale !== 1 / Math.sqrt(headDim) && { scale }),
    }),
  };
}
