// What the configuration of an architecture is made from: the keys and the tensors of a GGUF model.
import { MOST_LAYERS } from '../../config/model-config.ts';
import { tensorError } from '../../errors.ts';
import type { Metadata } from '../metadata.ts';
import type { GgufModel } from '../read.ts';

export type ConfigJson = Record<string, unknown>;

export interface ConfigSource {
  /** Keys without the architecture's name before them, such as `block_count`. */
  keys: Metadata;
  /** Whether any layer has this tensor, such as `attn_q.bias`. */
  hasTensor(suffix: string): boolean;
  /** The shape of the first layer's tensor of this name that there is, outermost dimension first. */
  shapeOf(suffix: string): readonly number[] | undefined;
  /** Layers, without those that only predict further tokens (multi-token prediction). */
  layers: number;
  headDim: number;
}

export const named = (type: string, classes: string): ConfigJson => ({
  model_type: type,
  architectures: [classes],
});

/** `whole` has the keys with their full names. */
export function configSource(model: GgufModel, whole: Metadata, architecture: string): ConfigSource {
  const keys = within(whole, `${architecture}.`);
  const bySuffix = new Map<string, readonly number[]>();
  for (const { name, shape } of model.tensors.values()) {
    const [, suffix] = /^blk\.\d+\.(.+)$/.exec(name) ?? [];
    if (suffix !== undefined && !bySuffix.has(suffix)) bySuffix.set(suffix, shape);
  }
  const layers = keys.count('block_count') - keys.count('nextn_predict_layers', 0);
  if (layers < 1 || layers > MOST_LAYERS)
    keys.refuse('block_count', `leaves ${layers} layers; 1 to ${MOST_LAYERS} are supported`);
  const heads = keys.count('attention.head_count');
  const headDim = keys.count('attention.key_length', keys.count('embedding_length') / Math.max(1, heads));
  if (keys.count('attention.value_length', headDim) !== headDim) {
    keys.refuse(
      'attention.value_length',
      `differs from the ${headDim} values of a key, which is not supported`,
    );
  }
  return {
    keys,
    layers,
    headDim,
    hasTensor: (suffix) => bySuffix.has(suffix),
    shapeOf: (suffix) => bySuffix.get(suffix),
  };
}

function within(whole: Metadata, prefix: string): Metadata {
  return {
    has: (key) => whole.has(prefix + key),
    raw: (key) => whole.raw(prefix + key),
    count: (key, fallback) => whole.count(prefix + key, fallback),
    number: (key, fallback) => whole.number(prefix + key, fallback),
    flag: (key, fallback) => whole.flag(prefix + key, fallback),
    text: (key, fallback) => whole.text(prefix + key, fallback),
    texts: (key) => whole.texts(prefix + key),
    numbers: (key) => whole.numbers(prefix + key),
    refuse: (key, reason) => whole.refuse(prefix + key, reason),
    unread: (key) => whole.unread(prefix + key),
  };
}

/** The inner width of an expert. Older files have it only in the shape of the experts' tensors. */
export function expertWidth({ keys, shapeOf }: ConfigSource, model: GgufModel): number {
  const width = keys.count('expert_feed_forward_length', 0) || shapeOf('ffn_down_exps.weight')?.at(-1);
  if (width !== undefined) return width;
  throw tensorError(model.path, 'blk.N.ffn_down_exps.weight', 'is missing in every layer');
}
