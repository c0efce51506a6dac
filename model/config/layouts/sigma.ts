// The Sigma family (SigmaV2ForCausalLM and the older SigmaForCausalLM). Source: python/sglang/srt/models/sigmav2*.py in
// microsoft/ltp-sglang, branch sigma.
import { type Fields, show } from '../config-fields.ts';
import type { RoutingConfig } from '../model-config.ts';
import {
  attentionOf,
  biasesIf,
  countOrZero,
  firstDense,
  sharedOf,
  sigmoidRouting,
  softmaxRouting,
} from './fields.ts';
import type { ConfigLayout } from './layout.ts';

const NEWER = 'SigmaV2ForCausalLM';
const OLDER = 'SigmaForCausalLM';

export const sigma: ConfigLayout = {
  title: 'Sigma',
  plain: {
    ...{ context: 8192, normEps: 1e-6, ropeBase: 10_000, qkNorm: 'head', statesNorms: true },
    ...{ experts: ['n_routed_experts', 'num_experts'], inner: 'moe_intermediate_size' },
  },
  // The published code has the field sliding_window and does not use it.
  computes: ['attention_bias', 'first_k_dense_replace', 'n_shared_experts', 'sliding_window'],
  denseLayers: (fields, layers) =>
    firstDense(
      fields,
      layers,
      0,
      fields.has('intermediate_size') ? 'intermediate_size' : 'moe_intermediate_size',
    ),
  routing: (fields) => (isOlder(fields) ? olderRouting(fields) : newerRouting(fields)),
  vary: (fields, plain) => {
    const shared = sharedOf(countOrZero(fields, 'n_shared_experts'), plain.inner);
    return {
      qkNorm: fields.flag('qk_layernorm', true) ? 'head' : 'none',
      ...(shared !== undefined && { sharedExpert: shared }),
      ...attentionOf(biasesIf(fields.flag('attention_bias', false), true)),
    };
  },
};

/** `architectures` names the class. Without it, the newer class is meant. */
function isOlder(fields: Fields): boolean {
  const names: unknown = fields.raw('architectures') ?? [NEWER];
  if (!Array.isArray(names) || !(names.includes(NEWER) || names.includes(OLDER)))
    fields.refuse('architectures', `${show(names)} is not supported (${NEWER} and ${OLDER} are)`);
  return !(names as unknown[]).includes(NEWER);
}

/** Without `scoring_func`, scores are sigmoids. */
function newerRouting(fields: Fields): RoutingConfig {
  if (fields.text('scoring_func', 'sigmoid') === 'softmax')
    return { ...softmaxRouting(fields, 'sigma', true), ...onlyOfSeveral };
  return { ...sigmoidRouting(fields), score: sigmoidOf(fields) };
}

/** Without `scoring_func`, scores are softmax. There is neither a selection bias nor a factor. */
function olderRouting(fields: Fields): RoutingConfig {
  const plain = { selectionBias: false, scale: 1, renormalise: fields.flag('norm_topk_prob', true) };
  if (fields.text('scoring_func', 'softmax') === 'softmax')
    return { score: 'softmax', ...plain, ...onlyOfSeveral };
  return { score: sigmoidOf(fields), ...plain };
}

/** Weights are divided by their sum only if k > 1: a single expert has its raw score as weight. */
const onlyOfSeveral = { renormaliseOne: false } as const;

function sigmoidOf(fields: Fields): 'sigmoid' {
  const score = fields.text('scoring_func', 'sigmoid');
  if (score === 'sigmoid') return score;
  return fields.refuse('scoring_func', `"${score}" is not supported (softmax and sigmoid are)`);
}
