// The number of parameters that is counted from a model's shape, compared with the tensors of checkpoints of that shape.
import { expect, test } from 'vitest';
import { denseTensors, expertTensors } from '../../../model/bundle/tensors.ts';
import { unitShape } from '../../../model/config/model-config.ts';
import { countParameters } from '../../../model/config/parameters.ts';
import { computedConfigs } from '../../oracle/cases.ts';
import { type CheckpointOptions, describe, drawTensors } from '../../support/models/checkpoint.ts';

test.each<[string, CheckpointOptions]>([
  ['Qwen3-MoE', { layout: 'qwen3_moe', k: 2 }],
  ['Qwen3-MoE with a selection bias and tied embeddings', { score: 'sigmoid', tied: true, k: [1, 3] }],
  ['Mixtral', { layout: 'mixtral', k: 2 }],
  ['OLMoE', { layout: 'olmoe', k: 4 }],
])('%s', (_, options) => {
  const config = describe(options);
  const tensors = [...drawTensors(config)];
  const size = (wanted: (name: string) => boolean) =>
    tensors
      .filter(([name]) => wanted(name))
      .reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const all = size(() => true);
  const experts = size((name) => /\.experts\.\d+\./.test(name));
  const asked = config.expertsPerToken.reduce((sum, k) => sum + k, 0) / (config.layers * config.experts);
  expect(countParameters(config)).toEqual({ all, active: all - experts + experts * asked });
});

test.each(await computedConfigs())('$name', ({ config }) => {
  const size = (tensors: Iterable<{ shape: readonly number[] }>) => {
    return [...tensors].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  };
  const { layers, experts } = unitShape(config);
  const dense = size(denseTensors(config));
  const expert = size(expertTensors(config, { layer: 0, expert: 0 }));
  const active = config.expertsPerToken.reduce((sum, k) => sum + k, 0);
  expect(countParameters(config)).toEqual({
    all: dense + layers * experts * expert,
    active: dense + active * expert,
  });
});
