// Readings of fields that several layouts share.
import { type Fields, show } from '../config-fields.ts';
import type { AttentionConfig, ModelConfig, RoutingConfig } from '../model-config.ts';
import type { RoutingShape } from './layout.ts';

/** A whole number of at least 0. */
export function countOrZero(fields: Fields, name: string, fallback = 0): number {
  return fields.count(name, fallback, 0);
}

/** The first `first_k_dense_replace` layers have an MLP of the width that `inner` names. */
export function firstDense(
  fields: Fields,
  layers: number,
  fallback: number,
  inner = 'intermediate_size',
): ModelConfig['denseMlp'] {
  const count = countOrZero(fields, 'first_k_dense_replace', fallback);
  if (count >= layers)
    fields.refuse(
      'first_k_dense_replace',
      `is ${count}, which leaves none of the ${layers} layers with experts`,
    );
  if (count === 0) return undefined;
  const dense = Array.from({ length: count }, (_, layer) => layer);
  return { layers: dense, inner: fields.count(inner) };
}

/** Layers named in `mlp_only_layers`, and those that `decoder_sparse_step` leaves out, have an MLP of `intermediate_size`. */
export function steppedDense(fields: Fields, layers: number): ModelConfig['denseMlp'] {
  const only = layerList(fields, 'mlp_only_layers', layers) ?? [];
  const step = fields.count('decoder_sparse_step', 1);
  return denseWhere(fields, layers, {
    isDense: (layer) => only.includes(layer) || (layer + 1) % step !== 0,
    decidedBy: step > layers ? 'decoder_sparse_step' : 'mlp_only_layers',
  });
}

interface DenseRule {
  isDense: (layer: number) => boolean;
  /** The field that an error names if no layer has experts. */
  decidedBy: string;
  inner?: string;
}

/** Numbers of layers; undefined if the field is absent. */
export function layerList(fields: Fields, name: string, layers: number): readonly number[] | undefined {
  const given = fields.raw(name);
  const isLayer = (value: unknown) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < layers;
  if (given === undefined || (Array.isArray(given) && given.every(isLayer))) return given;
  return fields.refuse(name, `${show(given)} is not a list of layers from 0 to ${layers - 1}`);
}

/** The layers for which `isDense` holds have an MLP of the width that `inner` names. */
export function denseWhere(
  fields: Fields,
  layers: number,
  { isDense, decidedBy, inner = 'intermediate_size' }: DenseRule,
): ModelConfig['denseMlp'] {
  const dense = Array.from({ length: layers }, (_, layer) => layer).filter(isDense);
  if (dense.length === layers)
    fields.refuse(
      decidedBy,
      `is ${show(fields.raw(decidedBy) ?? null)}, which leaves none of the ${layers} layers with experts`,
    );
  return dense.length === 0 ? undefined : { layers: dense, inner: fields.count(inner) };
}

/** `count` shared experts, which are one MLP of `count` times the width of an expert. */
export function sharedOf(count: number, inner: number): ModelConfig['sharedExpert'] {
  return count === 0 ? undefined : { inner: count * inner, gated: false };
}

/** `sliding_window`: `usual` if it is absent, and undefined if it is null. */
export function windowOf(fields: Fields, usual: number): number | undefined {
  return fields.isNull('sliding_window') ? undefined : fields.count('sliding_window', usual);
}

/** Windows of `window` positions in layers of the type `sliding_attention`. Empty if they are as wide as the context. */
export function windowsOf(
  fields: Fields,
  { layers, context }: Pick<ModelConfig, 'layers' | 'context'>,
  { window, isSliding }: { window: number | undefined; isSliding: (layer: number) => boolean },
): Pick<AttentionConfig, 'windows'> {
  const types = layerTypes(fields, layers, ['full_attention', 'sliding_attention']);
  const sliding = (layer: number) =>
    types === undefined ? isSliding(layer) : types[layer] === 'sliding_attention';
  const slides = Array.from({ length: layers }, (_, layer) => sliding(layer));
  if (!slides.includes(true)) return {};
  if (window === undefined) return fields.refuse('sliding_window', 'is null, though layers have windows');
  return window >= context ? {} : { windows: slides.map((each) => (each ? window : 0)) };
}

/** `layer_types`, one of `known` for each layer; undefined if the field is absent. */
export function layerTypes(
  fields: Fields,
  layers: number,
  known: readonly string[],
): readonly string[] | undefined {
  const types = fields.raw('layer_types');
  if (types === undefined) return undefined;
  if (!Array.isArray(types)) fields.refuse('layer_types', `is ${show(types)}, not a list`);
  const other = types.find((type) => !known.includes(type));
  if (other !== undefined)
    fields.refuse('layer_types', `${show(other)} is not supported (${known.join(' and ')} are)`);
  if (types.length !== layers)
    fields.refuse('layer_types', `lists ${types.length} entries for ${layers} layers`);
  return types;
}

/** Undefined if attention has no property that differs from the plain form. */
export function attentionOf(attention: AttentionConfig): Pick<ModelConfig, 'attention'> {
  return Object.keys(attention).length === 0 ? {} : { attention };
}

/** Biases of q, k and v, and also of the output projection if `output`. */
export function biasesIf(has: boolean, output: boolean): AttentionConfig {
  return has ? { inputBias: true, ...(output && { outputBias: true }) } : {};
}

/** Sigmoid scores with `norm_topk_prob`. They have a selection bias, unless `topk_method` is `greedy`. */
export function sigmoidRouting(fields: Fields): RoutingConfig {
  const method = fields.text('topk_method', 'noaux_tc');
  if (method !== 'noaux_tc' && method !== 'greedy')
    fields.refuse('topk_method', `"${method}" is not supported (noaux_tc and greedy are)`);
  return {
    score: 'sigmoid',
    renormalise: fields.flag('norm_topk_prob', true),
    selectionBias: method === 'noaux_tc',
    scale: fields.positive('routed_scaling_factor', 1),
  };
}

/** Softmax over all experts, with `norm_topk_prob`. Other scores are refused. */
export function softmaxRouting(fields: Fields, layout: string, renormalises: boolean): RoutingConfig {
  const score = fields.text('scoring_func', 'softmax');
  if (score !== 'softmax')
    fields.refuse('scoring_func', `"${score}" is not supported in the ${layout} layout`);
  if (fields.text('topk_method', 'greedy') !== 'greedy')
    fields.refuse('topk_method', `${show(fields.raw('topk_method'))} is not supported with softmax scores`);
  const scale = fields.positive('routed_scaling_factor', 1);
  return { score, renormalise: fields.flag('norm_topk_prob', renormalises), selectionBias: false, scale };
}

/** Like `softmaxRouting`, for layouts that always divide the chosen weights by their sum. */
export function renormalisedRouting(fields: Fields, layout: string): RoutingConfig {
  const routing = softmaxRouting(fields, layout, true);
  if (!routing.renormalise)
    fields.refuse('norm_topk_prob', `is false, but the ${layout} layout always renormalises`);
  return routing;
}

/** `n_group` and `topk_group`: only experts of the best groups are chosen. Undefined if all groups are kept. */
export function groupsOf(
  fields: Fields,
  { experts, expertsPerToken }: RoutingShape,
  defaults = { count: 1, kept: 1 },
): Pick<RoutingConfig, 'groups'> {
  const perToken = Math.max(...expertsPerToken);
  const count = fields.count('n_group', defaults.count);
  const kept = fields.count('topk_group', defaults.kept);
  if (kept > count) fields.refuse('topk_group', `is ${kept}, which is more than the ${count} groups`);
  if (count > 1 && (experts % count !== 0 || experts / count < 2))
    fields.refuse(
      'n_group',
      `is ${count}, which does not cut the ${experts} experts into groups of 2 or more`,
    );
  if (kept === count) return {};
  if (perToken > (experts / count) * kept)
    fields.refuse('topk_group', `is ${kept}: its groups have fewer than the ${perToken} experts of a token`);
  return { groups: { count, kept } };
}

/** `num_expert_prototypes` (arXiv 2105.15082). One prototype of all experts is the plain rule. */
export function prototypesOf(
  fields: Fields,
  { experts, expertsPerToken }: RoutingShape,
  { score, renormalise }: RoutingConfig,
): Pick<RoutingConfig, 'prototypes'> {
  const name = 'num_expert_prototypes';
  if (!fields.has(name)) return {};
  const prototypes = fields.count(name);
  const wrong = (reason: string) => fields.refuse(name, `is ${prototypes}, ${reason}`);
  if (expertsPerToken.some((k) => k !== prototypes))
    wrong(`and num_experts_per_tok is ${show(fields.raw('num_experts_per_tok'))}; they must be equal`);
  if (experts % prototypes !== 0)
    wrong(`which does not cut the ${experts} experts into groups of equal size`);
  if (score !== 'softmax') wrong(`and scoring_func is "${score}"; prototypes need "softmax"`);
  if (renormalise)
    wrong('and norm_topk_prob is true; prototypes need false, because a sum of one weight is 1');
  return prototypes === 1 ? {} : { prototypes };
}
