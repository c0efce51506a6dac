// GPT-OSS. Source: modeling_gpt_oss.py in huggingface/transformers, and openai/gpt-oss.
import { renormalisedRouting, windowsOf } from './fields.ts';
import type { ConfigLayout } from './layout.ts';

export const gptOss: ConfigLayout = {
  title: 'GPT-OSS',
  plain: {
    ...{ kvHeads: 8, headDim: 64, context: 131_072, normEps: 1e-5, ropeBase: 150_000, qkNorm: 'none' },
    ...{ experts: ['num_local_experts', 'num_experts'], inner: 'intermediate_size' },
    perToken: ['num_experts_per_tok', 'experts_per_token'],
  },
  computes: ['attention_bias', 'layer_types', 'sliding_window', 'swiglu_limit', 'swiglu_alpha'],
  routing: (fields) => renormalisedRouting(fields, 'gpt_oss'),
  vary(fields, plain) {
    if (!fields.flag('attention_bias', true))
      fields.refuse('attention_bias', 'is false, which is not supported');
    return {
      attention: {
        ...{ inputBias: true, outputBias: true, sinks: true },
        ...windowsOf(fields, plain, {
          window: fields.raw('sliding_window') === undefined ? 128 : fields.count('sliding_window'),
          isSliding: (layer) => layer % 2 === 0,
        }),
      },
      clamp: { alpha: fields.positive('swiglu_alpha', 1.702), limit: fields.positive('swiglu_limit', 7) },
      routerBias: true,
      expertBiases: true,
    };
  },
};
