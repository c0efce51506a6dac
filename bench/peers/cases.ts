// The tiny checkpoints on which llama.cpp is run.
import type { CheckpointOptions } from '../../test/support/models/checkpoint.ts';

export interface Case {
  name: string;
  checkpoint: CheckpointOptions;
}

// Shapes in which a mistake changes the result: headDim is not hidden / heads, queries share keys, a token has several experts.
const qwen3moe: CheckpointOptions = {
  layout: 'qwen3_moe',
  seed: 11,
  hidden: 96,
  layers: 3,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  experts: 12,
  k: 2,
  inner: 64,
  score: 'softmax-renormalised',
};

// In llama.cpp's olmoe, each query head has a key/value head, and the width of a head is always hidden / heads.
const olmoe: CheckpointOptions = {
  layout: 'olmoe',
  seed: 12,
  hidden: 128,
  layers: 3,
  heads: 4,
  kvHeads: 4,
  experts: 12,
  k: 2,
  inner: 64,
  score: 'softmax',
  ropeBase: 5_000,
  normEps: 1e-5,
};

export const cases: readonly Case[] = [
  { name: 'qwen3moe', checkpoint: qwen3moe },
  { name: 'olmoe', checkpoint: olmoe },
  {
    name: 'qwen3moe-yarn',
    checkpoint: {
      ...qwen3moe,
      seed: 13,
      tied: true,
      ropeScaling: {
        type: 'yarn',
        factor: 4,
        originalContext: 64,
        betaFast: 32,
        betaSlow: 1,
        attentionFactor: 0.1 * Math.log(4) + 1,
        truncate: true,
      },
    },
  },
  {
    name: 'qwen3moe-linear',
    checkpoint: { ...qwen3moe, seed: 14, k: 1, ropeScaling: { type: 'linear', factor: 8 } },
  },
];
