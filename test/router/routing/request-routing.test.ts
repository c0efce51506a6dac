// What requests may set about their experts: budgets, refusals, and the text that tells two routings apart.
import { describe, expect, it } from 'vitest';
import {
  budgetRange,
  routingFault,
  routingKey,
  splitBudget,
} from '../../../router/routing/request-routing.ts';

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

it('a budget is split evenly, and its remainder goes to the earliest layers', () => {
  expect(splitBudget(7, 3)).toEqual([3, 2, 2]);
  expect(splitBudget(8, 3)).toEqual([3, 3, 2]);
  for (let layers = 1; layers <= 12; layers++) {
    for (let budget = layers; budget <= 6 * layers; budget++) {
      const split = splitBudget(budget, layers);
      expect([split.length, sum(split)]).toEqual([layers, budget]);
      expect(Math.max(...split) - Math.min(...split)).toBeLessThanOrEqual(1);
      expect(split).toEqual(split.toSorted((a, b) => b - a));
    }
  }
});

it('a budget has at least the fewest and at most the most calls of every layer', () => {
  expect(budgetRange({ layers: 3, perToken: { least: 1, most: 8 } })).toEqual({ least: 3, most: 24 });
  for (const budget of [3, 24]) {
    const most = Math.max(...splitBudget(budget, 3));
    expect(most).toBe(budget / 3);
  }
});

describe('a routing', () => {
  const shape = { layers: 2, perToken: { least: 1, most: 4 } };

  it.each([
    [{}, undefined],
    [{ expertsPerToken: [1, 4] }, undefined],
    [{ unsureBudget: 2 }, undefined],
    [{ unsureBudget: 8 }, undefined],
    [{ expertsPerToken: [1] }, 'experts_per_token is not 2 numbers from 1 to 4'],
    [{ expertsPerToken: [0, 1] }, 'experts_per_token is not 2 numbers from 1 to 4'],
    [{ expertsPerToken: [1, 5] }, 'experts_per_token is not 2 numbers from 1 to 4'],
    [{ expertsPerToken: [1, 1.5] }, 'experts_per_token is not 2 numbers from 1 to 4'],
    [{ unsureBudget: 1 }, 'expert_budget is not a number from 2 to 8'],
    [{ unsureBudget: 9 }, 'expert_budget is not a number from 2 to 8'],
    [{ unsureBudget: 2.5 }, 'expert_budget is not a number from 2 to 8'],
    [{ unsureBudget: 4, expertsPerToken: [2, 2] }, 'experts_per_token and expert_budget exclude each other'],
  ])('%j is refused with %j', (routing, why) => {
    expect(routingFault(routing, shape)).toBe(why);
  });

  it('has an equal key exactly if rows choose their experts by the same rule', () => {
    const own = [1, 2];
    const routings = [
      { expertsPerToken: [1, 1] },
      { expertsPerToken: [2, 2] },
      { expertsPerToken: [12] },
      { expertsPerToken: [1, 2, 3] },
      { unsureBudget: 3 },
      { unsureBudget: 4 },
    ];
    const keys = routings.map((routing) => routingKey(routing, own));
    expect(new Set([...keys, '']).size).toBe(routings.length + 1);
    expect(routingKey({}, own)).toBe('');
    expect(routingKey({ expertsPerToken: [1, 2] }, own)).toBe('');
    expect(routingKey({ expertsPerToken: splitBudget(4, 2) }, own)).toBe(keys[1]);
  });
});
