// Hunyuan-A13B. Source: modeling_hunyuan_v1_moe.py in huggingface/transformers.
import { type Fields, show } from '../config-fields.ts';
import { attentionOf, biasesIf, renormalisedRouting } from './fields.ts';
import type { ConfigLayout } from './layout.ts';

export const hunyuanV1Moe: ConfigLayout = {
  title: 'Hunyuan-A13B',
  plain: {
    ...{ context: 2048, normEps: 1e-5, ropeBase: 10_000, qkNorm: 'head', statesNorms: true },
    ...{
      experts: ['num_experts', 'num_local_experts'],
      perToken: ['moe_topk', 'num_experts_per_tok'],
      inner: 'intermediate_size',
    },
  },
  computes: ['attention_bias', 'num_shared_expert'],
  routing: (fields) => renormalisedRouting(fields, 'hunyuan_v1_moe'),
  vary(fields, plain) {
    // Published files repeat these numbers for each layer. The implementation reads none of them.
    requireEqual(fields, 'moe_intermediate_size', plain.inner);
    requireEqual(fields, 'num_shared_expert', 1);
    if (!fields.flag('use_qk_norm', true)) fields.refuse('use_qk_norm', 'is false, which is not supported');
    return {
      sharedExpert: { inner: plain.inner, gated: false },
      ...attentionOf({ ...biasesIf(fields.flag('attention_bias', false), true), normLast: true }),
    };
  },
};

function requireEqual(fields: Fields, name: string, value: number): void {
  const given = fields.raw(name);
  if (given === undefined) return;
  const list = Array.isArray(given) ? given : [given];
  if (!list.every((each) => each === value))
    fields.refuse(name, `${show(given)} is not supported (${value} in every layer is)`);
}
