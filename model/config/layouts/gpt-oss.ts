// GPT-OSS. Source: modeling_gpt_oss.py in huggingface/transformers, and openai/gpt-oss.
import type { RopeScaling } from '../config-rope.ts';
import { renormalisedRouting, windowOf, windowsOf } from './fields.ts';
import type { ConfigLayout } from './layout.ts';

/** The class scales positions so if config.json has neither rope_parameters nor rope_scaling. */
const ropeScaling: RopeScaling = {
  type: 'yarn',
  ...{ factor: 32, originalContext: 4096, betaFast: 32, betaSlow: 1 },
  attentionFactor: 0.1 * Math.log(32) + 1,
  truncate: false,
};

export const gptOss: ConfigLayout = {
  title: 'GPT-OSS',
  plain: {
    ...{ kvHeads: 8, headDim: 64, context: 131_072, normEps: 1e-5, ropeBase: 150_000, qkNorm: 'none' },
    ropeScaling,
    ...{ experts: ['num_local_experts', 'num_experts'], inner: 'intermediate_size' },
    perToken: ['num_experts_per_tok', 'experts_per_token'],
  },
  computes: ['attention_bias', 'layer_types', 'sliding_window', 'swiglu_alpha', 'swiglu_limit'],
  routing: (fields) => renormalisedRouting(fields, 'gpt_oss'),
  vary(fields, plain) {
    if (!fields.flag('attention_bias', true))
      fields.refuse('attention_bias', 'is false, which is not supported');
    return {
      attention: {
        ...{ inputBias: true, outputBias: true, sinks: true },
        ...windowsOf(fields, plain, {
          window: windowOf(fields, 128),
          isSliding: (layer) => layer % 2 === 0,
        }),
      },
      clamp: { alpha: fields.positive('swiglu_alpha', 1.702), limit: fields.positive('swiglu_limit', 7) },
      routerBias: true,
      expertBiases: true,
    };
  },
};
