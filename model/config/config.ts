// Reads a checkpoint's shape and rules from its config.json.
import { type Fields, readFields, show } from './config-fields.ts';
import { parseRope } from './config-rope.ts';
import { refuseUnsupported } from './config-unsupported.ts';
import type { ConfigLayout } from './layouts/layout.ts';
import { configLayouts } from './layouts/layouts.ts';
import { type LayoutName, MOST_LAYERS, type ModelConfig } from './model-config.ts';

export type { ModelConfig, RoutingConfig } from './model-config.ts';

/** A `model_type` whose config.json has the text model's fields in an object of this name. */
const textConfigs: Readonly<Record<string, { field: string; layout: LayoutName }>> = {
  llama4: { field: 'text_config', layout: 'llama4_text' },
};

/** A `model_type` that stands for another layout if `architectures` names the class. */
const aliases: Readonly<Record<string, { architecture: string; layout: LayoutName }>> = {
  bailing_moe: { architecture: 'BailingMoeV2ForCausalLM', layout: 'bailing_moe_v2' },
};

/** Name and `model_type` of each supported layout. */
export const supportedLayouts = Object.entries(configLayouts).map(([type, { title }]) => ({ type, title }));

/** Whether a `model_type` is supported. */
export function isLayout(type: string): boolean {
  return [configLayouts, textConfigs, aliases].some((table) => Object.hasOwn(table, type));
}

/**
 * The model that a config.json describes. A field that is missing, contradictory or unsupported throws an InputError that
 * names the field and `file`. `qkNorm` is the layout's usual value; `withNormShapes` corrects it by the tensors' shapes.
 */
export function parseConfig(json: unknown, file: string): ModelConfig {
  const { fields, layout } = parseLayout(readFields(json, file));
  const known = configLayouts[layout];
  const { plain: defaults } = known;
  refuseUnsupported(fields, known.computes ?? []);
  const hidden = fields.count('hidden_size');
  const layers = fields.count('num_hidden_layers');
  if (layers > MOST_LAYERS)
    fields.refuse('num_hidden_layers', `is ${layers}; at most ${MOST_LAYERS} are supported`);
  const context = fields.count('max_position_embeddings', defaults.context);
  const heads = parseHeads(fields, hidden, defaults);
  const experts = parseExperts(fields, defaults.experts);
  const denseMlp = known.denseLayers?.(fields, layers);
  const expertsPerToken = parseExpertsPerToken(fields, defaults.perToken, { layers, experts, denseMlp });
  const plain: ModelConfig = {
    layout,
    hidden,
    layers,
    ...heads,
    experts,
    expertsPerToken,
    inner: fields.count(defaults.inner),
    vocab: fields.count('vocab_size'),
    context,
    normEps: fields.positive('rms_norm_eps', defaults.normEps),
    qkNorm: defaults.qkNorm,
    rope: parseRope(fields, { context, headDim: heads.headDim, usual: defaults }),
    tiedEmbeddings: fields.flag('tie_word_embeddings', defaults.tied ?? false),
    routing: known.routing(fields, { experts, expertsPerToken }),
    ...(denseMlp !== undefined && { denseMlp }),
  };
  return { ...plain, ...known.vary?.(fields, plain) };
}

function parseLayout(fields: Fields): { fields: Fields; layout: LayoutName } {
  const type = fields.text('model_type');
  const alias = Object.hasOwn(aliases, type) ? aliases[type] : undefined;
  if (alias !== undefined) {
    const classes: unknown = fields.raw('architectures') ?? [];
    if (Array.isArray(classes) && classes.includes(alias.architecture))
      return { fields, layout: alias.layout };
    return fields.refuse('architectures', `${show(classes)} is not supported (${alias.architecture} is)`);
  }
  const text = textConfigs[type];
  if (text !== undefined && Object.hasOwn(textConfigs, type)) {
    if (!fields.has(text.field)) fields.refuse(text.field, 'is missing');
    const inner = fields.object(text.field);
    const innerType = inner.text('model_type', text.layout);
    if (innerType !== text.layout)
      inner.refuse('model_type', `"${innerType}" is not supported (${text.layout} is)`);
    return { fields: inner, layout: text.layout };
  }
  if (isPlainLayout(type)) return { fields, layout: type };
  const names = [...Object.keys(configLayouts), ...Object.keys(textConfigs)];
  const supported = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  return fields.refuse('model_type', `"${type}" is not supported (${supported} are)`);
}

function isPlainLayout(type: string): type is LayoutName {
  return Object.hasOwn(configLayouts, type);
}

function parseHeads(fields: Fields, hidden: number, defaults: ConfigLayout['plain']) {
  const heads = fields.count('num_attention_heads');
  // In these two fields, null means what follows from the other sizes, and not the layout's default.
  const usualKvHeads = fields.isNull('num_key_value_heads') ? heads : (defaults.kvHeads ?? heads);
  const kvHeads = fields.count('num_key_value_heads', usualKvHeads);
  if (heads % kvHeads !== 0) {
    fields.refuse('num_key_value_heads', `is ${kvHeads}, which does not divide the ${heads} attention heads`);
  }
  const usual = fields.isNull('head_dim') ? hidden / heads : (defaults.headDim ?? hidden / heads);
  if (!fields.has('head_dim') && !Number.isInteger(usual)) {
    fields.refuse('head_dim', `is missing, and hidden_size ${hidden} is not a multiple of ${heads} heads`);
  }
  const headDim = fields.count('head_dim', usual);
  if (headDim % 2 !== 0) fields.refuse('head_dim', `is ${headDim}; rotary positions need an even one`);
  return { heads, kvHeads, headDim };
}

/** The first of these fields that is given. The others must not contradict it. */
function parseExperts(fields: Fields, names: readonly [string, ...string[]]): number {
  const name = names.find((each) => fields.has(each)) ?? names[0];
  const experts = repeatedCount(fields, name);
  for (const other of names) {
    if (fields.has(other) && repeatedCount(fields, other) !== experts)
      fields.refuse(other, `contradicts ${name} ${experts}`);
  }
  return experts;
}

/** A count. A list, which Hunyuan's class reads as one number for each layer, must repeat one number. */
function repeatedCount(fields: Fields, name: string): number {
  const value = fields.raw(name);
  if (!Array.isArray(value)) return fields.count(name);
  const [first]: unknown[] = value;
  const isCount = typeof first === 'number' && Number.isInteger(first) && first >= 1;
  if (isCount && value.every((each) => each === first)) return first;
  return fields.refuse(name, `${show(value)} is not supported (the same number in every layer is)`);
}

/** A list has an entry for each layer, or one for each layer with experts. */
function parseExpertsPerToken(
  fields: Fields,
  names: readonly [string, ...string[]] = ['num_experts_per_tok'],
  { layers, experts, denseMlp }: Pick<ModelConfig, 'layers' | 'experts' | 'denseMlp'>,
): readonly number[] {
  const name = names.find((each) => fields.has(each)) ?? names[0];
  const value = fields.raw(name);
  const dense = denseMlp?.layers ?? [];
  const list: readonly unknown[] = Array.isArray(value) ? value : new Array(layers).fill(fields.count(name));
  const isWhole = list.length === layers;
  if (!isWhole && list.length !== layers - dense.length)
    fields.refuse(name, `lists ${list.length} entries for ${layers} layers`);
  const routed = isWhole ? list.filter((_, layer) => !dense.includes(layer)) : list;
  return routed.map((k) => {
    if (typeof k === 'number' && Number.isInteger(k) && k >= 1 && k <= experts) return k;
    return fields.refuse(name, `${show(k)} is not a whole number from 1 to the ${experts} experts`);
  });
}
