// Rows of one layer that take different numbers of experts: selection within limits, and the assignment's slots.
import { describe, expect, it } from 'vitest';
import { expertsOf, firstSlot, rowCount, rowOf } from '../../../router/routing/assignment.ts';
import { RowRouting } from '../../../router/routing/row-routing.ts';
import { perTokenOf, type RoutingRule, select, UNSURE_SHARE } from '../../../router/selection.ts';
import { uniform } from '../../support/random.ts';

const rules: Record<string, RoutingRule> = {
  'softmax, raw weights': { score: 'softmax', renormalise: false, scale: 1, k: 2 },
  'softmax, divided by the sum': { score: 'softmax', renormalise: true, scale: 1, k: 2 },
  'sigmoid with bias and groups': {
    ...{ score: 'sigmoid', renormalise: true, scale: 2.5, k: 2 },
    ...{ bias: Float32Array.from({ length: 12 }, (_, i) => (i % 5) / 10), groups: { count: 4, kept: 2 } },
  },
};
const experts = 12;

/** `[rows, 12]` scores of which some rows are sure of their first expert and some are not. */
function scoresOf(rows: number): Float32Array {
  const draw = uniform(11);
  const scores = Array.from({ length: rows }, () => {
    const spread = 10 ** (2 * draw() - 1);
    return Array.from({ length: experts }, () => spread * (2 * draw() - 1));
  });
  return Float32Array.from(scores.flat());
}

describe.each(Object.entries(rules))('%s', (_, rule) => {
  const rows = 40;
  const scores = scoresOf(rows);
  const { most } = perTokenOf(rule, experts);
  const ofRow = (row: number) => scores.subarray(row * experts, (row + 1) * experts);

  it('a row gets what it gets alone with the same number of experts', () => {
    const ks = Uint16Array.from({ length: rows }, (_, row) => 1 + (row % most));
    const mixed = select(scores, experts, rule, { least: ks, most: ks });
    expect(rowCount(mixed)).toBe(rows);
    for (let row = 0; row < rows; row++) {
      const alone = select(ofRow(row), experts, { ...rule, k: ks[row]! });
      const [first, end] = [firstSlot(mixed, row), firstSlot(mixed, row + 1)];
      expect(expertsOf(mixed, row)).toEqual(alone.experts);
      expect(mixed.weights.subarray(first, end)).toEqual(alone.weights);
      for (let slot = first; slot < end; slot++) expect(rowOf(mixed, slot)).toBe(row);
    }
  });

  it('rows with equal numbers give the assignment of a rule with that number', () => {
    const ks = new Uint16Array(rows).fill(3);
    expect(select(scores, experts, rule, { least: ks, most: ks })).toEqual(
      select(scores, experts, { ...rule, k: 3 }),
    );
  });

  it('a row between its limits takes experts while their weights are close to the first', () => {
    const [least, limit] = [new Uint16Array(rows).fill(1), new Uint16Array(rows).fill(most)];
    const mixed = select(scores, experts, rule, { least, most: limit });
    const counts = new Set<number>();
    for (let row = 0; row < rows; row++) {
      const count = expertsOf(mixed, row).length;
      counts.add(count);
      const all = select(ofRow(row), experts, { ...rule, k: most, renormalise: false });
      const isClose = (rank: number) => all.weights[rank]! >= UNSURE_SHARE * all.weights[0]! * (1 - 1e-6);
      for (let rank = 1; rank < count; rank++) expect(isClose(rank)).toBe(true);
      if (count < most) expect(all.weights[count]! / all.weights[0]!).toBeLessThan(UNSURE_SHARE * (1 + 1e-6));
      expect(expertsOf(mixed, row)).toEqual(all.experts.subarray(0, count));
    }
    expect(counts.size).toBeGreaterThan(2);
  });
});

it('the number of experts of a row is limited by the groups that are kept, and is 1 if the weight multiplies the input', () => {
  expect(perTokenOf({}, 12)).toEqual({ least: 1, most: 12 });
  expect(perTokenOf({ groups: { count: 4, kept: 2 } }, 12)).toEqual({ least: 1, most: 6 });
  expect(perTokenOf({ weighsInput: true }, 12)).toEqual({ least: 1, most: 1 });
});

describe('the rows of a step', () => {
  const own = [1, 1, 1, 1];
  const perToken = { least: 1, most: 4 };

  /** Runs the layers: `wants [rows][layers]` is how many experts the scores of a row ask for. */
  function run(routing: RowRouting, wants: readonly (readonly number[])[]): number[][] {
    const taken = wants.map((): number[] => []);
    for (let layer = 0; layer < own.length; layer++) {
      const limits = routing.limits();
      const counts = wants.map((ofRow, row) => {
        if (limits === undefined) return own[layer]!;
        return Math.min(limits.most[row]!, Math.max(limits.least[row]!, ofRow[layer]!));
      });
      for (const [row, count] of counts.entries()) taken[row]!.push(count);
      const starts = Uint32Array.from([0, ...counts.map((_, row) => sumOf(counts.slice(0, row + 1)))]);
      const slots = sumOf(counts);
      const memory = { experts: new Uint16Array(slots), weights: new Float32Array(slots) };
      routing.took({ k: Math.max(...counts), ...memory, starts });
    }
    return taken;
  }
  const sumOf = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

  it('have no limits while every request has the numbers of the checkpoint', () => {
    expect(new RowRouting([{}, { expertsPerToken: [1, 1, 1, 2] }], own, perToken).limits()).toBeUndefined();
  });

  it('take the numbers of their requests, and count their calls', () => {
    const routing = new RowRouting([{}, { expertsPerToken: [4, 3, 2, 1] }], own, perToken);
    const greedy = [
      [4, 4, 4, 4],
      [4, 4, 4, 4],
    ];
    expect(run(routing, greedy)).toEqual([own, [4, 3, 2, 1]]);
    expect([routing.calls(0, 1), routing.calls(1, 1), routing.calls(0, 2)]).toEqual([4, 10, 14]);
  });

  it('spend a budget where they are unsure, and keep one call for each later layer', () => {
    const wants = [
      [4, 4, 4, 4],
      [1, 1, 1, 4],
      [1, 3, 1, 1],
      [1, 1, 1, 1],
    ];
    const taken = run(new RowRouting(new Array(4).fill({ unsureBudget: 7 }), own, perToken), wants);
    expect(taken).toEqual([
      [4, 1, 1, 1],
      [1, 1, 1, 4],
      [1, 3, 1, 1],
      [1, 1, 1, 1],
    ]);
  });

  it('never exceed a budget or the most experts of a layer, and have the same numbers alone', () => {
    const draw = uniform(3);
    for (let round = 0; round < 200; round++) {
      const budgets = Array.from({ length: 5 }, () => 4 + Math.floor(13 * draw()));
      const wants = budgets.map(() => own.map(() => 1 + Math.floor(5 * draw())));
      const taken = run(
        new RowRouting(
          budgets.map((unsureBudget) => ({ unsureBudget })),
          own,
          perToken,
        ),
        wants,
      );
      for (const [row, unsureBudget] of budgets.entries()) {
        expect(sumOf(taken[row]!)).toBeLessThanOrEqual(unsureBudget);
        for (const count of taken[row]!) {
          expect(count).toBeGreaterThanOrEqual(1);
          expect(count).toBeLessThanOrEqual(perToken.most);
        }
        expect(run(new RowRouting([{ unsureBudget }], own, perToken), [wants[row]!])).toEqual([taken[row]]);
      }
    }
  });
});
