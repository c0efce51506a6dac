// Reads a checkpoint's shape and rules from its config.json.
import { type Fields, readFields, show } from './config-fields.ts';
import { parseRope, type RopeConfig } from './config-rope.ts';
import { refuseUnsupported, refuseWindow } from './config-unsupported.ts';

/** The checkpoint's rule that turns the router's scores into weights. docs/models.md has the sources. */
export interface RoutingConfig {
  /** `softmax` over all experts, or elementwise `sigmoid` with a selection bias. */
  score: 'softmax' | 'sigmoid';
  /** Whether the chosen weights are divided by their sum. For `sigmoid` this applies only if k > 1. */
  renormalise: boolean;
  /** Whether `e_score_correction_bias` is added to the scores when experts are chosen. It does not affect the weights. */
  selectionBias: boolean;
  /** Factor on every weight (`routed_scaling_factor`). */
  scale: number;
}

export interface ModelConfig {
  layout: Layout;
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  /** Width of one head, which is not always hidden / heads. */
  headDim: number;
  /** Experts in each layer. */
  experts: number;
  /** `[layers]`, k, the number of experts per token. */
  expertsPerToken: readonly number[];
  /** Inner width of one expert. */
  inner: number;
  vocab: number;
  /** Positions that the checkpoint was made for (`max_position_embeddings`). */
  context: number;
  normEps: number;
  /** RMSNorm of q and k: none, over each head, or over the whole projection. The tensors' shapes decide. */
  qkNorm: 'none' | 'head' | 'projection';
  rope: RopeConfig;
  tiedEmbeddings: boolean;
  routing: RoutingConfig;
}

/** Most layers that are accepted. A wrong, larger number would take much memory before missing tensors are noticed. */
const MOST_LAYERS = 4096;

/**
 * For each layout (`model_type`): its name in messages, the values that Hugging Face's configuration classes give to absent
 * fields, and the names of fields that differ between layouts.
 */
const layouts = {
  qwen3_moe: {
    title: 'Qwen3-MoE',
    kvHeads: 4,
    context: 32_768,
    normEps: 1e-6,
    ropeBase: 10_000,
    qkNorm: 'head',
    experts: ['num_experts', 'num_local_experts'],
    inner: 'moe_intermediate_size',
  },
  mixtral: {
    title: 'Mixtral',
    kvHeads: 8,
    context: 131_072,
    normEps: 1e-5,
    ropeBase: 1_000_000,
    qkNorm: 'none',
    experts: ['num_local_experts', 'num_experts'],
    inner: 'intermediate_size',
  },
  olmoe: {
    title: 'OLMoE',
    kvHeads: undefined, // as many as query heads
    context: 4096,
    normEps: 1e-5,
    ropeBase: 10_000,
    qkNorm: 'projection',
    experts: ['num_experts', 'num_local_experts'],
    inner: 'intermediate_size',
  },
} as const;

type Layout = keyof typeof layouts;

/** Name and `model_type` of each supported layout. */
export const supportedLayouts = Object.entries(layouts).map(([type, { title }]) => ({ type, title }));

/**
 * The model that a config.json describes. A field that is missing, contradictory or unsupported throws an InputError that
 * names the field and `file`. `qkNorm` is the layout's usual value; `withNormShapes` corrects it by the tensors' shapes.
 */
export function parseConfig(json: unknown, file: string): ModelConfig {
  const fields = readFields(json, file);
  const layout = parseLayout(fields);
  const defaults = layouts[layout];
  refuseUnsupported(fields);
  const hidden = fields.count('hidden_size');
  const layers = fields.count('num_hidden_layers');
  if (layers > MOST_LAYERS)
    fields.refuse('num_hidden_layers', `is ${layers}; at most ${MOST_LAYERS} are supported`);
  const context = fields.count('max_position_embeddings', defaults.context);
  refuseWindow(fields, layout, context);
  const { heads, kvHeads, headDim } = parseHeads(fields, hidden, defaults.kvHeads);
  const experts = parseExperts(fields, defaults.experts);
  return {
    layout,
    hidden,
    layers,
    heads,
    kvHeads,
    headDim,
    experts,
    expertsPerToken: parseExpertsPerToken(fields, layers, experts),
    inner: fields.count(defaults.inner),
    vocab: fields.count('vocab_size'),
    context,
    normEps: fields.positive('rms_norm_eps', defaults.normEps),
    qkNorm: defaults.qkNorm,
    rope: parseRope(fields, context, defaults.ropeBase),
    tiedEmbeddings: fields.flag('tie_word_embeddings', false),
    routing: parseRouting(fields, layout),
  };
}

/** Whether a `model_type` is supported. */
export function isLayout(type: string): type is Layout {
  return Object.hasOwn(layouts, type);
}

function parseLayout(fields: Fields): Layout {
  const type = fields.text('model_type');
  if (isLayout(type)) return type;
  const names = Object.keys(layouts);
  const supported = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  return fields.refuse('model_type', `"${type}" is not supported (${supported} are)`);
}

function parseHeads(fields: Fields, hidden: number, defaultKvHeads: number | undefined) {
  const heads = fields.count('num_attention_heads');
  const kvHeads = fields.count('num_key_value_heads', defaultKvHeads ?? heads);
  if (heads % kvHeads !== 0) {
    fields.refuse('num_key_value_heads', `is ${kvHeads}, which does not divide the ${heads} attention heads`);
  }
  if (!fields.has('head_dim') && hidden % heads !== 0) {
    fields.refuse('head_dim', `is missing, and hidden_size ${hidden} is not a multiple of ${heads} heads`);
  }
  const headDim = fields.count('head_dim', hidden / heads);
  if (headDim % 2 !== 0) fields.refuse('head_dim', `is ${headDim}; rotary positions need an even one`);
  return { heads, kvHeads, headDim };
}

function parseExperts(fields: Fields, [name, alias]: readonly [string, string]): number {
  if (!fields.has(name) && fields.has(alias)) return fields.count(alias);
  const experts = fields.count(name);
  if (fields.has(alias) && fields.count(alias) !== experts)
    fields.refuse(alias, `contradicts ${name} ${experts}`);
  return experts;
}

function parseExpertsPerToken(fields: Fields, layers: number, experts: number): readonly number[] {
  const name = 'num_experts_per_tok';
  const value = fields.raw(name);
  const list: readonly unknown[] = Array.isArray(value) ? value : new Array(layers).fill(fields.count(name));
  if (list.length !== layers) fields.refuse(name, `lists ${list.length} entries for ${layers} layers`);
  return list.map((k) => {
    if (typeof k === 'number' && Number.isInteger(k) && k >= 1 && k <= experts) return k;
    return fields.refuse(name, `${show(k)} is not a whole number from 1 to the ${experts} experts`);
  });
}

function parseRouting(fields: Fields, layout: Layout): RoutingConfig {
  const score = fields.text('scoring_func', 'softmax');
  const scale = fields.positive('routed_scaling_factor', 1);
  if (score === 'sigmoid' && layout === 'qwen3_moe') {
    const method = fields.text('topk_method', 'noaux_tc');
    if (method !== 'noaux_tc' && method !== 'greedy')
      fields.refuse('topk_method', `"${method}" is not supported`);
    const renormalise = fields.flag('norm_topk_prob', true);
    return { score, renormalise, selectionBias: method === 'noaux_tc', scale };
  }
  if (score !== 'softmax')
    fields.refuse('scoring_func', `"${score}" is not supported in the ${layout} layout`);
  if (fields.text('topk_method', 'greedy') !== 'greedy') {
    fields.refuse('topk_method', `${show(fields.raw('topk_method'))} is not supported with softmax scores`);
  }
  const renormalise = fields.flag('norm_topk_prob', layout === 'mixtral');
  if (layout === 'mixtral' && !renormalise)
    fields.refuse('norm_topk_prob', 'is false, but Mixtral always renormalises');
  return { score, renormalise, selectionBias: false, scale };
}
