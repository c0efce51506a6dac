// The weights of experts and their copies, for every score rule: router/selection.ts on random scores, before and after growth.
import { expect, it } from 'vitest';
import type { ModelConfig, RoutingConfig } from '../../../model/config/model-config.ts';
import { widened } from '../../../model/grow/width-config.ts';
import { type RoutingRule, select } from '../../../router/selection.ts';
import { describe as describeModel } from '../../support/models/checkpoint.ts';
import { normal } from '../../support/random.ts';

const EXPERTS = 12;
const ROWS = 200;

const plain = { score: 'softmax', renormalise: false, selectionBias: false, scale: 1 } as const;
const groups = { groups: { count: 4, kept: 2 } };

const rules: [string, RoutingConfig, number][] = [
  ['softmax, k = 1', plain, 1],
  ['softmax, k = 3', { ...plain, scale: 2.5 }, 3],
  ['softmax divided by the sum, k = 1', { ...plain, renormalise: true }, 1],
  ['softmax divided by the sum, k = 3', { ...plain, renormalise: true }, 3],
  [
    'softmax divided by the sum only for k > 1, k = 1',
    { ...plain, renormalise: true, renormaliseOne: false },
    1,
  ],
  ['softmax with a bias, k = 3', { ...plain, renormalise: true, selectionBias: true }, 3],
  ['softmax with groups and a bias, k = 3', { ...plain, selectionBias: true, ...groups }, 3],
  ['softmax within each of 3 prototypes', { ...plain, scale: 0.5, prototypes: 3 }, 3],
  ['sigmoid, k = 1', { ...plain, score: 'sigmoid', selectionBias: true, scale: 2.5 }, 1],
  ['sigmoid, k = 3', { ...plain, score: 'sigmoid', selectionBias: true }, 3],
  ['sigmoid divided by the sum, k = 1', { ...plain, score: 'sigmoid', renormalise: true }, 1],
  [
    'sigmoid divided by the sum also for one',
    { ...plain, score: 'sigmoid', renormalise: true, renormaliseOne: true },
    1,
  ],
  [
    'sigmoid with groups, k = 4',
    { ...plain, score: 'sigmoid', renormalise: true, selectionBias: true, ...groups },
    4,
  ],
];

function configOf(routing: RoutingConfig, k: number): ModelConfig {
  return { ...describeModel({ layers: 1, experts: EXPERTS, k }), routing };
}

/** `[rows][experts]`, the weights of each of the first `experts` experts and its copies together. */
function weightsOf(scores: Float32Array, experts: number, rule: RoutingRule, originals: number): number[][] {
  const { k, experts: chosen, weights } = select(scores, experts, rule);
  return Array.from({ length: scores.length / experts }, (_, row) => {
    const sums = new Array<number>(originals).fill(0);
    for (let i = row * k; i < (row + 1) * k; i++) sums[chosen[i]! % originals]! += weights[i]!;
    return sums;
  });
}

function ruleOf({ routing, expertsPerToken }: ModelConfig, bias: Float32Array): RoutingRule {
  const { selectionBias, ...rule } = routing;
  return { ...rule, k: expertsPerToken[0]!, ...(selectionBias && { bias }) };
}

it.each(rules)('%s: an expert and its copies have the weight of the expert', (_, routing, k) => {
  const next = normal(7);
  const scores = Float32Array.from({ length: ROWS * EXPERTS }, next);
  const bias = Float32Array.from({ length: EXPERTS }, () => 0.2 * next());
  const config = configOf(routing, k);
  const before = weightsOf(scores, EXPERTS, ruleOf(config, bias), EXPERTS);
  for (const copies of [2, 4]) {
    const grown = widened(config, copies);
    if (typeof grown === 'string') throw new Error(grown);
    const { experts } = grown.config;
    const repeated = Float32Array.from({ length: ROWS * experts }, (_, i) => {
      return scores[Math.floor(i / experts) * EXPERTS + ((i % experts) % EXPERTS)]!;
    });
    const biases = Float32Array.from({ length: experts }, (_, i) => bias[i % EXPERTS]! * grown.biasFactor);
    const after = weightsOf(repeated, experts, ruleOf(grown.config, biases), EXPERTS);
    const error = Math.max(
      ...before.flatMap((row, i) => row.map((weight, j) => Math.abs(weight - after[i]![j]!))),
    );
    expect(error).toBeLessThan(1e-6);
  }
});

it('a weight that multiplies the input, and rules that differ between layers, have no exact growth', () => {
  const config = configOf({ ...plain, score: 'sigmoid', weighsInput: true }, 1);
  expect(widened(config, 2)).toMatch('multiplies the input');
  const mixed = {
    ...configOf({ ...plain, renormalise: true, renormaliseOne: false }, 1),
    expertsPerToken: [1, 2],
  };
  expect(widened(mixed, 2)).toMatch('divided by their sum in layers with several');
});
