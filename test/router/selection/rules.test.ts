// Groups, selection biases, renormalisation at k = 1 and weights on inputs, compared with a plain definition.
// selection.test.ts tests the rules that have none of these.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RoutingRule, rank, select, weighInputs } from '../../../router/selection.ts';

const experts = 12;

interface Drawn {
  rule: RoutingRule;
  scores: Float32Array;
}

// Few distinct values, so that ties of experts and of groups are common. A sigmoid of -800 is 0 in double precision.
const score = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -2, max: 2 }) },
  { weight: 2, arbitrary: fc.float({ min: -8, max: 8, noNaN: true }) },
  { weight: 1, arbitrary: fc.constant(-800) },
);
const row = fc.oneof(
  fc.array(score, { minLength: experts, maxLength: experts }),
  fc.constant(new Array<number>(experts).fill(-800)),
);
const bias = fc.array(fc.constantFrom(-0.5, 0, 0.25, 0.5), { minLength: experts, maxLength: experts });
const groups = fc
  .constantFrom(1, 2, 3, 4, 6)
  .chain((count) => fc.record({ count: fc.constant(count), kept: fc.integer({ min: 1, max: count }) }));

/** Experts may number more than those of the kept groups (`k` up to 12). */
const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    score: fc.constantFrom('softmax' as const, 'sigmoid' as const),
    renormalise: fc.boolean(),
    renormaliseOne: fc.constantFrom(undefined, true, false),
    scale: fc.constantFrom(1, 2.5),
    k: fc.integer({ min: 1, max: experts }),
    bias: fc.option(bias, { nil: undefined }),
    groups: fc.option(groups, { nil: undefined }),
    weighsInput: fc.boolean(),
    row,
  })
  .map(({ row, bias, groups, renormaliseOne, weighsInput, ...plain }) => ({
    scores: Float32Array.from(row),
    rule: {
      ...plain,
      ...(renormaliseOne !== undefined && { renormaliseOne }),
      ...(bias && { bias: Float32Array.from(bias) }),
      ...(groups && { groups }),
      ...(weighsInput && plain.k === 1 && { weighsInput: true as const }),
    },
  }));

interface Weighed {
  expert: number;
  weight: number;
}

/** All experts in the order in which they would be chosen, and the probability or sigmoid of each. */
function ordered({ rule, scores }: Drawn): { order: number[]; probabilities: number[] } {
  const numbers = [...scores];
  const powers = numbers.map((z) => Math.exp(z - Math.max(...numbers)));
  const total = powers.reduce((sum, power) => sum + power, 0);
  const probabilities =
    rule.score === 'softmax'
      ? powers.map((power) => power / total)
      : numbers.map((z) => 1 / (1 + Math.exp(-z)));
  const keys = probabilities.map((p, expert) => p + (rule.bias?.[expert] ?? 0));
  // Probabilities of far lower scores round to the same number. Without a bias or groups, the scores decide.
  const comparesScores = rule.score === 'softmax' && !rule.bias && !rule.groups;
  const compared = comparesScores ? numbers : keys;
  const isKept = keptBy(keys, rule.groups);
  const order = numbers.map((_, expert) => expert);
  order.sort((a, b) => {
    if (isKept(a) !== isKept(b)) return isKept(a) ? -1 : 1;
    return (isKept(a) ? compared[b]! - compared[a]! : 0) || a - b;
  });
  return { order, probabilities };
}

function keptBy(keys: number[], limit: RoutingRule['groups']): (expert: number) => boolean {
  if (limit === undefined) return () => true;
  const size = keys.length / limit.count;
  const sums = Array.from({ length: limit.count }, (_, group) => {
    const best = keys.slice(group * size, (group + 1) * size).sort((a, b) => b - a);
    return best[0]! + best[1]!;
  });
  const best = sums.map((_, group) => group).sort((a, b) => sums[b]! - sums[a]! || a - b);
  const kept = new Set(best.slice(0, limit.kept));
  return (expert) => kept.has(Math.floor(expert / size));
}

/** The weights of the chosen experts, by the definition of the rule. */
function expected(draw: Drawn): Weighed[] {
  const { rule } = draw;
  const { order, probabilities } = ordered(draw);
  const divisor = divisorOf(draw);
  return order.slice(0, rule.k).map((expert) => {
    return { expert, weight: divisor === 0 ? 0 : (probabilities[expert]! / divisor) * rule.scale };
  });
}

/** The sum of the chosen experts' probabilities if weights are divided by it, otherwise 1. */
function divisorOf(draw: Drawn): number {
  const { renormalise, renormaliseOne, score, k } = draw.rule;
  const appliesToOne = renormaliseOne === undefined ? score === 'softmax' : renormaliseOne;
  if (!renormalise || (k === 1 && !appliesToOne)) return 1;
  const { order, probabilities } = ordered(draw);
  return order.slice(0, k).reduce((sum, expert) => sum + probabilities[expert]!, 0);
}

function expectNear(found: number, wanted: number): void {
  expect(Math.abs(found - wanted)).toBeLessThanOrEqual(3e-7 * Math.abs(wanted) + 1e-38);
}

describe('select', () => {
  it('chooses the experts of the definition in their order, with their weights', () => {
    fc.assert(
      fc.property(drawn, (draw) => {
        const { experts: chosen, weights } = select(draw.scores, experts, draw.rule);
        const wanted = expected(draw);
        expect([...chosen]).toEqual(wanted.map(({ expert }) => expert));
        wanted.forEach(({ weight }, i) => {
          expectNear(weights[i]!, weight);
        });
      }),
      { seed: 18, numRuns: 1000 },
    );
  });

  it('does not let rows affect each other', () => {
    fc.assert(
      fc.property(drawn, fc.array(row, { minLength: 1, maxLength: 3 }), ({ rule, scores }, others) => {
        const alone = select(scores, experts, rule);
        const all = select(Float32Array.from([...others.flat(), ...scores]), experts, rule);
        expect([...all.experts.slice(-rule.k)]).toEqual([...alone.experts]);
        expect([...all.weights.slice(-rule.k)]).toEqual([...alone.weights]);
      }),
      { seed: 19, numRuns: 300 },
    );
  });

  const sigmoid = { score: 'sigmoid', renormalise: true, scale: 2, k: 2 } as const;
  const two = { count: 2, kept: 1 };

  it('keeps the group with the lower number if groups are equal', () => {
    const { experts: chosen } = select(Float32Array.of(1, 2, 2, 1), 4, { ...sigmoid, groups: two });
    expect([...chosen]).toEqual([1, 0]);
  });

  it('scores a group by its two best experts, not by its best', () => {
    const { experts: chosen } = select(Float32Array.of(3, -9, 2, 2), 4, { ...sigmoid, groups: two });
    expect([...chosen]).toEqual([2, 3]);
  });

  it('chooses experts of other groups, lowest number first, if the kept groups have fewer than k', () => {
    const { experts: chosen } = select(Float32Array.of(0, 5, 1, 2, 3, 4), 6, {
      ...{ ...sigmoid, k: 3 },
      groups: { count: 3, kept: 1 },
    });
    expect([...chosen]).toEqual([5, 4, 0]);
  });

  it.each([
    ['softmax', undefined, 1],
    ['softmax', true, 1],
    ['softmax', false, 0.5],
    ['sigmoid', undefined, 0.5],
    ['sigmoid', true, 1],
    ['sigmoid', false, 0.5],
  ] as const)('at k = 1, renormalises %s with renormaliseOne %s to a weight of %s', (score, one, weight) => {
    const rule = { score, renormalise: true, scale: 1, k: 1 } as const;
    const full = one === undefined ? rule : { ...rule, renormaliseOne: one };
    expect([...select(Float32Array.of(0, 0), 2, full).weights]).toEqual([weight]);
    expect([...select(Float32Array.of(0, 0), 2, { ...full, renormalise: false }).weights]).toEqual([0.5]);
  });
});

describe('rank', () => {
  it('begins with the experts that are selected, at their weights, and has every expert once', () => {
    fc.assert(
      fc.property(drawn, (draw) => {
        const { rule, scores } = draw;
        const ranked = rank(scores, rule);
        const { experts: chosen, weights } = select(scores, experts, rule);
        expect(ranked.slice(0, rule.k).map(({ expert }) => expert)).toEqual([...chosen]);
        for (const [i, weight] of weights.entries()) {
          expectNear(ranked[i]!.weight, rule.weighsInput ? 1 : weight);
        }
        expect(new Set(ranked.map(({ expert }) => expert)).size).toBe(experts);
      }),
      { seed: 20, numRuns: 500 },
    );
  });

  it('orders stand-ins as the rule would choose them, and weighs them by the divisor of the chosen experts', () => {
    fc.assert(
      fc.property(drawn, (draw) => {
        const { order, probabilities } = ordered(draw);
        const { rule, scores } = draw;
        const divisor = divisorOf(draw);
        const ranked = rank(scores, rule);
        expect(ranked.map(({ expert }) => expert)).toEqual(order);
        for (const { expert, weight } of ranked) {
          const own = divisor === 0 ? 0 : (probabilities[expert]! / divisor) * rule.scale;
          expectNear(weight, rule.weighsInput ? 1 : own);
        }
      }),
      { seed: 21, numRuns: 500 },
    );
  });
});

describe('weighInputs', () => {
  it('multiplies each row by its weight, and gives answers a weight of 1', () => {
    const x = Float32Array.of(1, 2, 3, 4);
    const assignment = { k: 1, experts: Uint16Array.of(3, 0), weights: Float32Array.of(0.5, 2) };
    expect(weighInputs(x, 2, assignment)).toEqual({ ...assignment, weights: Float32Array.of(1, 1) });
    expect([...x]).toEqual([0.5, 1, 6, 8]);
    expect([...assignment.weights]).toEqual([0.5, 2]);
  });

  it('refuses rows of several experts', () => {
    const assignment = { k: 2, experts: Uint16Array.of(3, 0), weights: Float32Array.of(0.5, 2) };
    expect(() => weighInputs(new Float32Array(2), 2, assignment)).toThrow('the input of 2 experts');
  });
});
