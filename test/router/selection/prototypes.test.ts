// Prototypes: the best expert of each group of experts, compared with a plain definition in double precision.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RoutingRule, select, standIns } from '../../../router/selection.ts';

const size = 4;

function ruleOf(prototypes: number, scale = 1): RoutingRule {
  return { score: 'softmax', renormalise: false, scale, k: prototypes, prototypes };
}

// Few distinct values, so that ties are common.
const score = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.float({ min: -30, max: 30, noNaN: true }));
const drawn = fc
  .record({ prototypes: fc.integer({ min: 1, max: 5 }), rows: fc.integer({ min: 0, max: 4 }) })
  .chain(({ prototypes, rows }) => {
    const length = prototypes * size * rows;
    return fc.record({
      prototypes: fc.constant(prototypes),
      rows: fc.constant(rows),
      scale: fc.constantFrom(1, 0.5),
      scores: fc.array(score, { minLength: length, maxLength: length }).map((all) => Float32Array.from(all)),
    });
  });

/** The experts of one group, best first, with the softmax of their scores within the group. */
function orderOf(group: readonly number[]): { expert: number; weight: number }[] {
  const powers = group.map((z) => Math.exp(z));
  const sum = powers.reduce((all, power) => all + power, 0);
  return group
    .map((z, expert) => ({ z, expert, weight: powers[expert]! / sum }))
    .sort((a, b) => b.z - a.z || a.expert - b.expert);
}

function expectNear(found: number | undefined, wanted: number): void {
  expect(Math.abs(found! - wanted)).toBeLessThanOrEqual(1e-6 * wanted + 1e-38);
}

describe('select', () => {
  it('chooses the best expert of every group, in the order of the groups, with its softmax within the group', () => {
    fc.assert(
      fc.property(drawn, ({ prototypes, rows, scale, scores }) => {
        const { k, experts, weights } = select(scores, prototypes * size, ruleOf(prototypes, scale));
        expect([k, experts.length, weights.length]).toEqual([
          prototypes,
          prototypes * rows,
          prototypes * rows,
        ]);
        for (const [slot, expert] of experts.entries()) {
          const group = slot % prototypes;
          const [best] = orderOf([...scores.subarray(slot * size, (slot + 1) * size)]);
          expect(expert).toBe(group * size + best!.expert);
          expectNear(weights[slot], best!.weight * scale);
        }
      }),
      { seed: 31, numRuns: 500 },
    );
  });

  it('of one prototype is the plain rule with k = 1, bit for bit', () => {
    fc.assert(
      fc.property(fc.array(score, { minLength: size, maxLength: size }), (row) => {
        const scores = Float32Array.from(row);
        const { prototypes: _, ...plain } = ruleOf(1);
        expect(select(scores, size, ruleOf(1))).toEqual(select(scores, size, plain));
      }),
      { seed: 32, numRuns: 200 },
    );
  });

  it('refuses groups of unequal size, another k, and scores that are not finite by their expert', () => {
    expect(() => select(new Float32Array(10), 10, ruleOf(3))).toThrow('10 experts are not 3 prototypes');
    expect(() => select(new Float32Array(8), 8, { ...ruleOf(2), k: 3 })).toThrow('choose 3 of 2 prototypes');
    const scores = new Float32Array(16).fill(0);
    scores[14] = Number.NaN;
    expect(() => select(scores, 8, ruleOf(2))).toThrow('score of row 1 for expert 6 is NaN');
  });

  it('of a row whose score is not finite is told, and the other rows are chosen as without it', () => {
    for (const rule of [ruleOf(2), { ...ruleOf(2), prototypes: undefined }]) {
      const scores = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i));
      const whole = select(scores, 8, rule);
      scores[14] = Number.POSITIVE_INFINITY;
      const broken: number[] = [];
      const { experts, weights } = select(scores, 8, rule, undefined, (row) => broken.push(row));
      expect(broken).toEqual([1]);
      expect([...scores.subarray(8, 16)]).toEqual(new Array(8).fill(0));
      for (const slot of [0, 1, 4, 5]) {
        expect([experts[slot], weights[slot]]).toEqual([whole.experts[slot], whole.weights[slot]]);
      }
    }
  });
});

describe('stand-ins', () => {
  it('are the experts of the same group, best first, with their softmax within the group', () => {
    fc.assert(
      fc.property(drawn, fc.nat(), ({ prototypes, scores }, any) => {
        const row = scores.subarray(0, prototypes * size);
        fc.pre(row.length > 0);
        const expert = any % row.length;
        const from = expert - (expert % size);
        const found = standIns(row, ruleOf(prototypes), expert);
        const wanted = orderOf([...row.subarray(from, from + size)]);
        expect(found.map((each) => each.expert)).toEqual(wanted.map((each) => from + each.expert));
        for (const [i, { weight }] of wanted.entries()) expectNear(found[i]?.weight, weight);
      }),
      { seed: 33, numRuns: 300 },
    );
  });
});
