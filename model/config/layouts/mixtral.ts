// Mixtral and MiniMax-M2. Sources: modeling_mixtral.py and modeling_minimax_m2.py in huggingface/transformers.
import { show } from '../config-fields.ts';
import { attentionOf, renormalisedRouting, windowsOf } from './fields.ts';
import type { ConfigLayout } from './layout.ts';

export const mixtral: ConfigLayout = {
  title: 'Mixtral',
  plain: {
    ...{ kvHeads: 8, context: 131_072, normEps: 1e-5, ropeBase: 1_000_000, qkNorm: 'none' },
    ...{ experts: ['num_local_experts', 'num_experts'], inner: 'intermediate_size' },
  },
  computes: ['sliding_window'],
  routing: (fields) => renormalisedRouting(fields, 'mixtral'),
  vary(fields, plain) {
    if (!fields.has('sliding_window')) return {};
    const window = fields.count('sliding_window');
    return attentionOf(windowsOf(fields, plain, { window, isSliding: () => true }));
  },
};

export const minimaxM2: ConfigLayout = {
  title: 'MiniMax-M2',
  plain: {
    ...{ kvHeads: 8, headDim: 128, context: 196_608, normEps: 1e-6, ropeBase: 5_000_000, rotaryShare: 1 },
    ...{ qkNorm: 'projection', statesNorms: true },
    ...{ experts: ['num_local_experts'], inner: 'intermediate_size' },
  },
  routing(fields) {
    const score = fields.text('scoring_func', 'sigmoid');
    if (score !== 'sigmoid') return fields.refuse('scoring_func', `"${score}" is not supported (sigmoid is)`);
    if (!fields.flag('use_routing_bias', true))
      fields.refuse('use_routing_bias', 'is false, which is not supported');
    const scale = fields.positive('routed_scaling_factor', 1);
    return { score, renormalise: true, renormaliseOne: true, selectionBias: true, scale };
  },
  vary(fields) {
    if (!fields.flag('use_qk_norm', true)) fields.refuse('use_qk_norm', 'is false, which is not supported');
    const type = fields.text('qk_norm_type', 'per_layer');
    if (type !== 'per_layer') fields.refuse('qk_norm_type', `"${type}" is not supported (per_layer is)`);
    // Published files have a 1, for softmax attention, for each layer.
    const kinds = fields.raw('attn_type_list') ?? [];
    if (!Array.isArray(kinds) || kinds.some((kind) => kind !== 1))
      fields.refuse('attn_type_list', `${show(kinds)} is not supported (1 in every layer is)`);
    return {};
  },
};
