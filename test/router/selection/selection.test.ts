import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type RoutingRule, rank, select } from '../../../router/selection.ts';

const raw: RoutingRule = { score: 'softmax', renormalise: false, scale: 1, k: 1 };

test('top-1 of a softmax keeps its raw probability as the weight', () => {
  const { experts, weights } = select(Float32Array.of(0, Math.log(3), 0, 0), 4, raw);
  expect([...experts]).toEqual([1]);
  expect(weights[0]).toBeCloseTo(0.5, 7);
});

test('renormalised weights of a softmax add up to 1, and to exactly 1 if k = 1', () => {
  const scores = Float32Array.of(0.3, 2, -1, 1.5);
  expect(select(scores, 4, { ...raw, renormalise: true }).weights[0]).toBe(1);
  const two = select(scores, 4, { ...raw, renormalise: true, k: 2 });
  expect([...two.experts]).toEqual([1, 3]);
  expect(two.weights[0]! + two.weights[1]!).toBeCloseTo(1, 6);
  expect(two.weights[0]! / two.weights[1]!).toBeCloseTo(Math.exp(0.5), 5);
});

test('the bias of a sigmoid decides the choice, never the weight', () => {
  const scores = Float32Array.of(2, 0, 1);
  const rule: RoutingRule = {
    score: 'sigmoid',
    renormalise: false,
    scale: 1,
    k: 1,
    bias: Float32Array.of(0, 0.9, 0),
  };
  const { experts, weights } = select(scores, 3, rule);
  expect([...experts]).toEqual([1]);
  expect(weights[0]).toBe(0.5);
});

test('weights of a sigmoid are divided by their sum only if k > 1', () => {
  const scores = Float32Array.of(0, 0, -100);
  const rule: RoutingRule = { score: 'sigmoid', renormalise: true, scale: 1, k: 1 };
  expect([...select(scores, 3, rule).weights]).toEqual([0.5]);
  expect([...select(scores, 3, { ...rule, k: 2 }).weights]).toEqual([0.5, 0.5]);
});

test('the scale is applied last', () => {
  const scores = Float32Array.of(1, 1);
  expect([...select(scores, 2, { ...raw, renormalise: true, k: 2, scale: 2.5 }).weights]).toEqual([
    1.25, 1.25,
  ]);
});

test('the expert with the lower number comes first if scores are equal', () => {
  const { experts } = select(new Float32Array(10), 5, { ...raw, k: 3 });
  expect([...experts]).toEqual([0, 1, 2, 0, 1, 2]);
});

test('scores far apart neither overflow nor give NaN', () => {
  const scores = Float32Array.of(3e38, -3e38, 0);
  expect([...select(scores, 3, raw).weights]).toEqual([1]);
  const sigmoid: RoutingRule = { score: 'sigmoid', renormalise: true, scale: 1, k: 2 };
  expect([...select(Float32Array.of(-3e38, -3e38), 2, sigmoid).weights]).toEqual([0, 0]);
});

describe('compared with sorting all scores', () => {
  const rule = fc.record({
    score: fc.constantFrom('softmax' as const, 'sigmoid' as const),
    renormalise: fc.boolean(),
    scale: fc.constantFrom(1, 2.5),
    k: fc.integer({ min: 1, max: 6 }),
    biased: fc.boolean(),
  });
  // Few distinct values, so that ties are common.
  const score = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.float({ min: -8, max: 8, noNaN: true }));

  test('select gives the same experts in the same order, with the weights of the definition', () => {
    fc.assert(
      fc.property(
        rule,
        fc.array(fc.array(score, { minLength: 9, maxLength: 9 }), { maxLength: 4 }),
        (drawn, rows) => {
          const { biased, ...rest } = drawn;
          const bias = Float32Array.from({ length: 9 }, (_, i) => Math.fround(Math.sin(i)));
          const withBias = biased && rest.score === 'sigmoid';
          const scores = Float32Array.from(rows.flat());
          const { experts, weights } = select(scores, 9, withBias ? { ...rest, bias } : rest);
          rows.forEach((_, row) => {
            const ofRow = [...scores.subarray(row * 9, row * 9 + 9)];
            const expected = reference(ofRow, rest, withBias ? bias : new Float32Array(9));
            expect([...experts.subarray(row * rest.k, (row + 1) * rest.k)]).toEqual(
              expected.map(({ expert }) => expert),
            );
            expected.forEach(({ weight }, rank) => {
              const difference = Math.abs(weights[row * rest.k + rank]! - weight);
              expect(difference).toBeLessThanOrEqual(1e-7 * Math.max(weight, 1e-30));
            });
          });
        },
      ),
      { seed: 7, numRuns: 500 },
    );
  });

  function reference(
    scores: number[],
    { score, renormalise, scale, k }: Omit<RoutingRule, 'bias'>,
    bias: Float32Array,
  ) {
    const exps = scores.map((value) => Math.exp(value));
    const total = exps.reduce((sum, value) => sum + value, 0);
    const weightOf = (expert: number) =>
      score === 'softmax' ? exps[expert]! / total : 1 / (1 + Math.exp(-scores[expert]!));
    const keyOf = (expert: number) =>
      score === 'softmax' ? scores[expert]! : weightOf(expert) + bias[expert]!;
    const chosen = scores.map((_, expert) => expert);
    chosen.sort((a, b) => keyOf(b) - keyOf(a) || a - b);
    chosen.length = k;
    const divide = renormalise && (score === 'softmax' || k > 1);
    const sum = divide ? chosen.reduce((all, expert) => all + weightOf(expert), 0) : 1;
    return chosen.map((expert) => ({ expert, weight: (weightOf(expert) / sum) * scale }));
  }
});

describe('the ranking of one row', () => {
  const rules = fc.record({
    score: fc.constantFrom('softmax' as const, 'sigmoid' as const),
    renormalise: fc.boolean(),
    scale: fc.constantFrom(1, 2.5),
    k: fc.integer({ min: 1, max: 9 }),
  });
  const score = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.float({ min: -8, max: 8, noNaN: true }));
  const row = fc.array(score, { minLength: 9, maxLength: 9 }).map((scores) => Float32Array.from(scores));

  test('begins with the experts that are selected, at their weights', () => {
    fc.assert(
      fc.property(rules, row, fc.boolean(), (rest, scores, biased) => {
        const bias = Float32Array.from({ length: 9 }, (_, i) => Math.fround(Math.cos(i)));
        const rule = biased && rest.score === 'sigmoid' ? { ...rest, bias } : rest;
        const ranked = rank(scores, rule);
        const { experts, weights } = select(scores, 9, rule);
        expect(ranked.slice(0, rule.k).map(({ expert }) => expert)).toEqual([...experts]);
        for (const [i, weight] of weights.entries()) {
          expect(Math.abs(ranked[i]!.weight - weight)).toBeLessThanOrEqual(5e-7 * weight);
        }
      }),
      { seed: 8, numRuns: 500 },
    );
  });

  test('has every expert once, best first', () => {
    fc.assert(
      fc.property(rules, row, (rule, scores) => {
        const ranked = rank(scores, rule);
        expect(ranked.map(({ expert }) => expert).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
        for (const [i, { expert, weight }] of ranked.entries()) {
          if (i === 0) continue;
          const before = ranked[i - 1]!;
          expect(scores[expert]).toBeLessThanOrEqual(scores[before.expert]! + 1e-6); // a sigmoid may round a tie
          expect(weight).toBeLessThanOrEqual(before.weight);
        }
      }),
      { seed: 9, numRuns: 300 },
    );
  });

  test('gives the next best expert a weight relative to the chosen experts, not to all experts', () => {
    const ranked = rank(Float32Array.of(Math.log(4), Math.log(3), 0), { ...raw, renormalise: true, k: 2 });
    expect(ranked.map(({ expert }) => expert)).toEqual([0, 1, 2]);
    expect(ranked[2]!.weight).toBeCloseTo(1 / 7, 6);
    const top = rank(Float32Array.of(Math.log(4), Math.log(3), 0), { ...raw, renormalise: true });
    expect(top[0]!.weight).toBe(1);
    expect(top[1]!.weight).toBeCloseTo(3 / 4, 6);
  });

  test('has weights of 0 if all sigmoids are 0', () => {
    const rule: RoutingRule = { score: 'sigmoid', renormalise: true, scale: 1, k: 2 };
    expect(rank(new Float32Array(3).fill(-3e38), rule).map(({ weight }) => weight)).toEqual([0, 0, 0]);
  });
});

describe('meaningless input is refused', () => {
  test.each([
    ['a score that is NaN', Float32Array.of(0, Number.NaN), {}, 'score of row 0 for expert 1 is NaN'],
    ['more experts than there are', new Float32Array(2), { k: 3 }, 'cannot choose 3 of 2 experts'],
    ['no expert', new Float32Array(2), { k: 0 }, 'cannot choose 0 of 2 experts'],
    ['half a row', new Float32Array(3), {}, '3 scores are not rows of 2'],
    [
      'a bias of another model',
      new Float32Array(2),
      { bias: new Float32Array(3) },
      'has 3 entries for 2 experts',
    ],
  ])('%s', (_name, scores, options, reason) => {
    expect(() => select(scores, 2, { ...raw, ...options })).toThrow(reason);
  });
});
