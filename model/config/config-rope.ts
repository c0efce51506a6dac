// Reads the rotary position settings of a config.json, in the old form (rope_theta, rope_scaling) or the new (rope_parameters).
import { type Fields, show } from './config-fields.ts';

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
  /** Number of values at the start of each head that are rotated. Absent: all. */
  rotary?: number;
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
  'alpha',
]);

interface RopeContext {
  context: number;
  headDim: number;
  /** What the layout does if config.json does not say otherwise. Without `rotaryShare`, it rotates whole heads. */
  usual: { ropeBase: number; rotaryShare?: number; ropeScaling?: RopeScaling };
}

export function parseRope(config: Fields, { context, headDim, usual }: RopeContext): RopeConfig {
  const spellings = ['rope_parameters', 'rope_scaling'].filter((name) => config.has(name));
  if (spellings.length > 1) config.refuse('rope_scaling', 'and rope_parameters are both given; keep one');
  const spelling = spellings[0];
  const topBase = config.has('rope_theta') ? config.positive('rope_theta') : usual.ropeBase;
  if (spelling === undefined) {
    const scaling = usual.ropeScaling ?? { type: 'default' };
    return { base: topBase, scaling, ...partialOf([config], headDim, usual) };
  }
  const rope = config.object(spelling);
  for (const name of rope.names()) if (!knownFields.has(name)) rope.refuse(name, 'is not supported');
  const partial = partialOf([rope, config], headDim, usual);
  const ownBase = rope.has('rope_theta') ? rope.positive('rope_theta') : topBase;
  const stretched = stretchedBase(rope, ownBase, partial.rotary ?? headDim);
  if (stretched !== undefined) return { base: stretched, scaling: { type: 'default' }, ...partial };
  return { base: ownBase, scaling: parseScaling(rope, context), ...partial };
}

const DIM = 'rotary_dim';
const SHARE = 'partial_rotary_factor';

/** `rotary_dim`, the number of values of a head that are rotated, or `partial_rotary_factor`, the share of a head. */
function partialOf(
  places: readonly [Fields, ...Fields[]],
  headDim: number,
  { rotaryShare }: RopeContext['usual'],
): { rotary?: number } {
  const byDim = places.find((fields) => fields.has(DIM));
  const byShare = places.find((fields) => fields.has(SHARE));
  const shareDim = Math.floor(headDim * (byShare?.positive(SHARE) ?? rotaryShare ?? 1));
  const rotary = byDim?.positive(DIM) ?? shareDim;
  const given = byDim ?? byShare;
  const name = byDim === undefined ? SHARE : DIM;
  if (given !== undefined && rotaryShare === undefined && rotary !== headDim)
    given.refuse(name, `${show(given.raw(name))} is not supported in this layout`);
  if (rotary < 2 || rotary > headDim || rotary % 2 !== 0) {
    const problem = `rotates ${rotary} of the ${headDim} values of a head; an even number is needed`;
    given?.refuse(name, problem);
    places
      .at(-1)
      ?.refuse('head_dim', `is ${headDim}, of which ${rotary} values are rotated; an even number is needed`);
  }
  // A share such as 2/3 is rounded in the file, so that the product can be below `rotary_dim` by 1.
  if (byDim !== undefined && byShare !== undefined && Math.abs(shareDim - rotary) > 1)
    byShare.refuse(SHARE, `rotates ${shareDim} values of a head, which contradicts ${DIM} ${rotary}`);
  return rotary === headDim ? {} : { rotary };
}

/** Hunyuan's `dynamic` with `alpha` is a larger base at every length. Undefined for other types. */
function stretchedBase(rope: Fields, base: number, rotary: number): number | undefined {
  if (!rope.has('alpha')) return undefined;
  const type = rope.text(rope.has('rope_type') ? 'rope_type' : 'type', 'default');
  if (type !== 'dynamic') rope.refuse('alpha', `is not supported with the type "${type}"`);
  const stretched = base * rope.positive('alpha') ** (rotary / (rotary - 2));
  return Number.isFinite(stretched) ? stretched : rope.refuse('alpha', `makes the base ${stretched}`);
}

function parseScaling(rope: Fields, context: number): RopeScaling {
  const spelling = rope.has('rope_type') ? 'rope_type' : 'type';
  const type = rope.text(spelling, 'default');
  if (type === 'default') return { type };
  if (type === 'linear') return { type, factor: rope.positive('factor') };
  if (type === 'llama3') {
    const lowFreqFactor = rope.positive('low_freq_factor');
    const highFreqFactor = rope.positive('high_freq_factor');
    if (highFreqFactor < lowFreqFactor) rope.refuse('high_freq_factor', 'must not be below low_freq_factor');
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
