// Draws tiny checkpoints with fast-check: layouts, score rules, norms, kinds of RoPE, and shapes of uneven sizes.
import fc from 'fast-check';
import type { RopeScaling } from '../../model/config/config-rope.ts';
import type { CheckpointOptions, ScoreRule } from './models/checkpoint.ts';

/** The score rules that each layout can express. */
const rules: readonly { layout: NonNullable<CheckpointOptions['layout']>; score: ScoreRule }[] = [
  { layout: 'qwen3_moe', score: 'softmax' },
  { layout: 'qwen3_moe', score: 'softmax-renormalised' },
  { layout: 'qwen3_moe', score: 'sigmoid' },
  { layout: 'mixtral', score: 'softmax-renormalised' },
  { layout: 'olmoe', score: 'softmax' },
  { layout: 'olmoe', score: 'softmax-renormalised' },
];

const ropes: readonly RopeScaling[] = [
  { type: 'default' },
  { type: 'linear', factor: 4 },
  { type: 'llama3', factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 64 },
  {
    type: 'yarn',
    factor: 4,
    originalContext: 32,
    betaFast: 8,
    betaSlow: 1,
    attentionFactor: 1.1386,
    truncate: true,
  },
  {
    type: 'yarn',
    factor: 2.5,
    originalContext: 64,
    betaFast: 32,
    betaSlow: 2,
    attentionFactor: 1,
    truncate: false,
  },
];

/** A checkpoint whose layout, score rule, RoPE and k depend on `index`, so that a few consecutive indexes cover all of them. */
export function checkpointDraw(index: number): fc.Arbitrary<CheckpointOptions> {
  const rule = rules[index % rules.length];
  const ropeScaling = ropes[index % ropes.length];
  const k = 1 + (Math.floor(index / rules.length) % 3);
  const layers = 2;
  return fc
    .record({
      seed: fc.nat(),
      dtype: fc.constantFrom<'f32' | 'f16' | 'bf16'>('f32', 'f16', 'bf16'),
      // GroupQueryAttention of ONNX Runtime needs a multiple of 8.
      headDim: fc.constantFrom(8, 16, 24, 40),
      kvHeads: fc.integer({ min: 1, max: 2 }),
      queriesPerKey: fc.integer({ min: 1, max: 3 }),
      hidden: fc.integer({ min: 20, max: 100 }),
      inner: fc.integer({ min: 9, max: 80 }),
      experts: fc.integer({ min: 4, max: 9 }),
      mixedK: fc.boolean(),
      tied: fc.boolean(),
      routedScale: fc.constantFrom(1, 2.5),
      normEps: fc.constantFrom(1e-6, 1e-5),
      ropeBase: fc.constantFrom(10_000, 1_000_000),
      qkNorm: fc.constantFrom<CheckpointOptions['qkNorm']>('none', 'head', 'projection', undefined),
    })
    .map(({ queriesPerKey, mixedK, qkNorm, routedScale, ...drawn }) => {
      const heads = drawn.kvHeads * queriesPerKey;
      return {
        ...drawn,
        ...rule,
        heads,
        layers,
        ropeScaling,
        hidden: rule?.layout === 'olmoe' ? heads * drawn.headDim : drawn.hidden,
        k: mixedK ? [k, 1] : k,
        ...(qkNorm === undefined ? {} : { qkNorm }),
        ...(rule?.score === 'sigmoid' ? { routedScale } : {}),
      };
    });
}
