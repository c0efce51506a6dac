// The configuration of a model whose experts were copied, such that without noise its layers compute the same. Pure.
//
// A copy has the score of its original. So the best c * k of c * E experts are the copies of the best k of E, and each chosen
// expert's copies must together have its weight:
// - Weights that are divided by their sum become 1/c of it by themselves, whatever the score.
// - Raw softmax weights do, too, because the softmax has c times as many terms.
// - Raw sigmoids do not, so the factor on every weight is divided by c.
// - A bias that is added to probabilities is divided by c, as they are. One that is added to sigmoids stays.
// - Groups are copied whole: c times as many groups, of which c times as many are kept, because the score of a group is the sum of
//   its 2 best experts, which would be copies of one expert if a group grew.
// - Prototypes are copied whole, too. The softmax within a copy is that of the original, so the factor on every weight is divided by c.
import { configLayouts } from '../config/layouts/layouts.ts';
import type { ModelConfig, RoutingConfig } from '../config/model-config.ts';
import type { Json } from './growth.ts';

export interface Widened {
  config: ModelConfig;
  /** Factor on the selection bias. */
  biasFactor: number;
}

/** The model with `copies` of each expert. A text says why there is none. */
export function widened(config: ModelConfig, copies: number): Widened | string {
  const routing = widenedRouting(config, copies);
  if (typeof routing === 'string') return routing;
  return {
    config: {
      ...config,
      experts: config.experts * copies,
      expertsPerToken: config.expertsPerToken.map((k) => k * copies),
      routing,
    },
    biasFactor: routing.score === 'softmax' ? 1 / copies : 1,
  };
}

function widenedRouting(
  { routing, expertsPerToken }: Pick<ModelConfig, 'routing' | 'expertsPerToken'>,
  copies: number,
): RoutingConfig | string {
  const { score, groups, prototypes, scale } = routing;
  if (routing.weighsInput)
    return 'the weight multiplies the input of a single expert, so that two copies would add up to another answer';
  const divided = expertsPerToken.filter((k) => dividesBySum(routing, k)).length;
  if (divided > 0 && divided < expertsPerToken.length)
    return 'weights are divided by their sum in layers with several experts per token, and not in the others';
  const isRaw = divided === 0;
  return {
    ...routing,
    // With several experts per token, `renormalise` always has an effect.
    renormalise: !isRaw,
    scale: isRaw && (score === 'sigmoid' || prototypes !== undefined) ? scale / copies : scale,
    ...(groups && { groups: { count: groups.count * copies, kept: groups.kept * copies } }),
    ...(prototypes && { prototypes: prototypes * copies }),
  };
}

/** As router/selection.ts does. */
function dividesBySum({ renormalise, renormaliseOne, score }: RoutingConfig, k: number): boolean {
  return renormalise && (k > 1 || (renormaliseOne ?? score === 'softmax'));
}

/** The config.json of `grown`, which `widened` made. */
export function widenedJson(json: Json, source: ModelConfig, grown: ModelConfig): Json {
  const { experts, perToken = ['num_experts_per_tok'] } = configLayouts[source.layout].plain;
  const copies = grown.experts / source.experts;
  const times = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(times) : typeof value === 'number' ? value * copies : value;
  const given = (names: readonly string[]) => names.filter((name) => typeof json[name] !== 'undefined');
  const { routing } = grown;
  return {
    ...json,
    ...Object.fromEntries(given([...experts, ...perToken]).map((name) => [name, times(json[name])])),
    ...(routing.groups && { n_group: routing.groups.count, topk_group: routing.groups.kept }),
    ...(routing.prototypes && { num_expert_prototypes: routing.prototypes }),
    ...(routing.renormalise !== source.routing.renormalise && { norm_topk_prob: routing.renormalise }),
    ...(routing.scale !== source.routing.scale && { routed_scaling_factor: routing.scale }),
  };
}
