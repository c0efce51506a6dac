// Layouts whose router follows DeepSeek-V3: GLM-4.5 to 4.7, dots.llm1 and Ling/Bailing-MoE v2. They have sigmoid scores with a
// selection bias, expert groups, shared experts and dense first layers. Sources: modeling_glm4_moe.py and modeling_dots1.py in
// huggingface/transformers, and modeling_bailing_moe_v2.py of inclusionAI's checkpoints.
import type { Fields } from '../config-fields.ts';
import type { ModelConfig, RoutingConfig } from '../model-config.ts';
import {
  attentionOf,
  biasesIf,
  countOrZero,
  firstDense,
  groupsOf,
  sharedOf,
  windowOf,
  windowsOf,
} from './fields.ts';
import type { ConfigLayout, RoutingShape } from './layout.ts';

const grouped = ['first_k_dense_replace', 'n_group', 'topk_group'] as const;
const computes = [...grouped, 'attention_bias', 'n_shared_experts'] as const;

export const glm4Moe: ConfigLayout = {
  title: 'GLM-4.5',
  plain: {
    ...{ kvHeads: 8, context: 131_072, normEps: 1e-5, ropeBase: 10_000, qkNorm: 'none', statesNorms: true },
    ...{ rotaryShare: 0.5, experts: ['n_routed_experts', 'num_experts'], inner: 'moe_intermediate_size' },
  },
  computes,
  denseLayers: (fields, layers) => firstDense(fields, layers, 1),
  routing: (fields, shape) => sigmoidRouting(fields, shape, true),
  vary: (fields, plain) => ({
    qkNorm: fields.flag('use_qk_norm', false) ? 'head' : 'none',
    ...sharedExperts(fields, plain, 1),
    ...attentionOf(biasesIf(fields.flag('attention_bias', false), false)),
  }),
};

export const dots1: ConfigLayout = {
  title: 'dots.llm1',
  plain: {
    ...{ kvHeads: 32, context: 2048, normEps: 1e-6, ropeBase: 10_000, qkNorm: 'head' },
    ...{ experts: ['n_routed_experts', 'num_experts'], inner: 'moe_intermediate_size' },
  },
  computes: [...computes, 'layer_types', 'sliding_window'],
  denseLayers: (fields, layers) => firstDense(fields, layers, 0),
  routing: (fields, shape) => sigmoidRouting(fields, shape, false),
  vary(fields, plain) {
    const window = windowOf(fields, 4096);
    const first = countOrZero(fields, 'max_window_layers', 62);
    const isSliding = (layer: number) => window !== undefined && layer >= first;
    return {
      ...sharedExperts(fields, plain, 0),
      ...attentionOf({
        ...biasesIf(fields.flag('attention_bias', false), true),
        ...windowsOf(fields, plain, { window, isSliding }),
      }),
    };
  },
};

export const bailingMoeV2: ConfigLayout = {
  title: 'Ling/Bailing-MoE v2',
  plain: {
    ...{ kvHeads: 4, context: 16_384, normEps: 1e-6, ropeBase: 600_000, qkNorm: 'head', statesNorms: true },
    ...{ rotaryShare: 1, experts: ['num_experts', 'n_routed_experts'], inner: 'moe_intermediate_size' },
  },
  computes: [...grouped, 'num_shared_experts', 'use_qkv_bias'],
  denseLayers: (fields, layers) => firstDense(fields, layers, 0),
  // The weights are divided by their sum if k > 1, whatever `norm_topk_prob` says.
  routing(fields, shape) {
    const score = fields.text('score_function', 'sigmoid');
    if (score !== 'sigmoid')
      return fields.refuse('score_function', `"${score}" is not supported (sigmoid is)`);
    const { renormaliseOne: _, ...routing } = sigmoidRouting(fields, shape, true);
    return {
      ...routing,
      renormalise: true,
      selectionBias: fields.flag('moe_router_enable_expert_bias', true),
    };
  },
  vary(fields, plain) {
    return {
      qkNorm: fields.flag('use_qk_norm', true) ? 'head' : 'none',
      ...sharedExperts(fields, plain, 0, 'num_shared_experts'),
      ...attentionOf(biasesIf(fields.flag('use_qkv_bias', false), false)),
    };
  },
};

function sigmoidRouting(fields: Fields, shape: RoutingShape, renormalises: boolean): RoutingConfig {
  const score = fields.text('scoring_func', 'sigmoid');
  if (score !== 'sigmoid') return fields.refuse('scoring_func', `"${score}" is not supported (sigmoid is)`);
  const method = fields.text('topk_method', 'noaux_tc');
  if (method !== 'noaux_tc') fields.refuse('topk_method', `"${method}" is not supported (noaux_tc is)`);
  const renormalise = fields.flag('norm_topk_prob', renormalises);
  return {
    score,
    renormalise,
    ...(renormalise && { renormaliseOne: true }),
    selectionBias: true,
    scale: fields.positive('routed_scaling_factor', 1),
    ...groupsOf(fields, shape),
  };
}

function sharedExperts(
  fields: Fields,
  { inner }: Pick<ModelConfig, 'inner'>,
  fallback: number,
  name = 'n_shared_experts',
): Pick<ModelConfig, 'sharedExpert'> {
  const shared = sharedOf(countOrZero(fields, name, fallback), inner);
  return shared === undefined ? {} : { sharedExpert: shared };
}
