// ERNIE-4.5-MoE. Source: modeling_ernie4_5_moe.py in huggingface/transformers.
import { countOrZero, denseWhere, sharedOf } from './fields.ts';
import type { ConfigLayout } from './layout.ts';

export const ernie45Moe: ConfigLayout = {
  title: 'ERNIE-4.5-MoE',
  plain: {
    ...{ kvHeads: 4, context: 131_072, normEps: 1e-5, ropeBase: 500_000, qkNorm: 'none', tied: true },
    ...{ experts: ['moe_num_experts', 'num_experts'], perToken: ['moe_k', 'num_experts_per_tok'] },
    inner: 'moe_intermediate_size',
  },
  computes: ['moe_num_shared_experts'],
  denseLayers(fields, layers) {
    const first = countOrZero(fields, 'moe_layer_start_index', 1);
    const last = fields.raw('moe_layer_end_index') ?? -1;
    const end = last === -1 ? layers - 1 : countOrZero(fields, 'moe_layer_end_index');
    const interval = fields.count('moe_layer_interval', 1);
    return denseWhere(fields, layers, {
      isDense: (layer) => (layer + 1) % interval !== 0 || layer < first || layer > end,
      decidedBy: interval > layers ? 'moe_layer_interval' : 'moe_layer_start_index',
    });
  },
  // The bias is added to the probabilities. The published clamp of the divisor at 1e-12 never acts on probabilities of float32.
  routing: () => ({ score: 'softmax', renormalise: true, selectionBias: true, scale: 1 }),
  vary(fields, plain) {
    const shared = sharedOf(countOrZero(fields, 'moe_num_shared_experts', 2), plain.inner);
    return shared === undefined ? {} : { sharedExpert: shared };
  },
};
