// Reads the rotary position settings of a config.json, in the old form (rope_theta, rope_scaling) or the new (rope_parameters).
import type { Fields } from './config-fields.ts';

export type RopeScaling =
  | { type: 'default' }
  | { type: 'linear'; factor: number }
  | { type: 'llama3'; factor: number; lowFreqFactor: number; highFreqFactor: number; originalContext: number }
  | {
      type: 'yarn';
      factor: number;
      originalContext: number;
      betaFast: number;
      betaSlow: number;
      attentionFactor: number;
      truncate: boolean;
    };

export interface RopeConfig {
  base: number;
  scaling: RopeScaling;
}

const knownFields = new Set([
  'type',
  'rope_type',
  'rope_theta',
  'factor',
  'original_max_position_embeddings',
  'low_freq_factor',
  'high_freq_factor',
  'beta_fast',
  'beta_slow',
  'attention_factor',
  'mscale',
  'mscale_all_dim',
  'truncate',
  'partial_rotary_factor',
]);

export function parseRope(config: Fields, context: number, defaultBase: number): RopeConfig {
  const spellings = ['rope_parameters', 'rope_scaling'].filter((name) => config.has(name));
  if (spellings.length > 1) config.refuse('rope_scaling', 'and rope_parameters are both given; keep one');
  refusePartial(config);
  const spelling = spellings[0];
  const topBase = config.has('rope_theta') ? config.positive('rope_theta') : undefined;
  if (spelling === undefined) return { base: topBase ?? defaultBase, scaling: { type: 'default' } };
  const rope = config.object(spelling);
  refusePartial(rope);
  for (const name of rope.names()) if (!knownFields.has(name)) rope.refuse(name, 'is not supported');
  return {
    base: rope.has('rope_theta') ? rope.positive('rope_theta') : (topBase ?? defaultBase),
    scaling: parseScaling(rope, context),
  };
}

function refusePartial(fields: Fields): void {
  if (fields.has('partial_rotary_factor') && fields.positive('partial_rotary_factor') !== 1) {
    fields.refuse('partial_rotary_factor', 'other than 1 is not supported');
  }
}

function parseScaling(rope: Fields, context: number): RopeScaling {
  const spelling = rope.has('rope_type') ? 'rope_type' : 'type';
  const type = rope.text(spelling, 'default');
  if (type === 'default') return { type };
  if (type === 'linear') return { type, factor: rope.positive('factor') };
  if (type === 'llama3') {
    const lowFreqFactor = rope.positive('low_freq_factor');
    const highFreqFactor = rope.positive('high_freq_factor');
    if (highFreqFactor <= lowFreqFactor) rope.refuse('high_freq_factor', 'must be above low_freq_factor');
    const originalContext = rope.count('original_max_position_embeddings');
    return { type, factor: rope.positive('factor'), lowFreqFactor, highFreqFactor, originalContext };
  }
  if (type === 'yarn') return parseYarn(rope, context);
  return rope.refuse(spelling, `"${type}" is not supported (default, linear, llama3 and yarn are)`);
}

function parseYarn(rope: Fields, context: number): RopeScaling {
  const originalContext = rope.count('original_max_position_embeddings', context);
  const factor = rope.positive('factor', context / originalContext);
  const betaFast = rope.positive('beta_fast', 32);
  const betaSlow = rope.positive('beta_slow', 1);
  if (betaFast < betaSlow) rope.refuse('beta_fast', 'must not be below beta_slow');
  return {
    type: 'yarn',
    factor,
    originalContext,
    betaFast,
    betaSlow,
    attentionFactor: rope.positive('attention_factor', yarnAttention(rope, factor)),
    truncate: rope.flag('truncate', true),
  };
}

/** The factor on cosines and sines: YaRN's 0.1 ln(factor) + 1, or the quotient of DeepSeek's two variants of it. */
function yarnAttention(rope: Fields, factor: number): number {
  const attention = (mscale: number): number => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1);
  if (rope.raw('mscale') === 0 || rope.raw('mscale_all_dim') === 0) return attention(1);
  if (!rope.has('mscale') || !rope.has('mscale_all_dim')) return attention(1);
  return attention(rope.positive('mscale')) / attention(rope.positive('mscale_all_dim'));
}
