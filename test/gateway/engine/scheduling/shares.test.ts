import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Demand,
  divide,
  ownTime,
  promptRows,
  settle,
} from '../../../../gateway/engine/scheduling/shares.ts';

type StepMs = (rows: number) => number;

const demand = (rows: number, more: Partial<Demand> = {}): Demand => {
  return { weight: 1, lag: 0, rows, prompts: 0, ...more };
};
const affine: StepMs = (rows) => (rows === 0 ? 0 : 2 + rows);
const prefillShare = 0.7;

/** `progress`: 1 if the tenant advances as if it were the only one. `longest`: most consecutive steps without its rows. */
function run(
  tenants: readonly { weight: number; rows: number; prompts?: boolean }[],
  stepMs: StepMs,
  steps: number,
) {
  const promptRowMs = stepMs(1) / 4;
  let demands = tenants.map(({ weight, rows, prompts }) =>
    demand(rows, { weight, prompts: prompts ? 1e9 : 0 }),
  );
  const made = tenants.map(() => 0);
  const since = tenants.map(() => 0);
  const longest = tenants.map(() => 0);
  let elapsed = 0;
  for (let step = 0; step < steps; step++) {
    const division = divide(demands, { stepMs, prefillShare });
    const decodeMs = stepMs(division.rows.reduce((sum, rows) => sum + rows, 0));
    const { promptShare } = division;
    const worth = Math.floor((promptShare / (1 - promptShare)) * (decodeMs / promptRowMs));
    const budget = promptShare === 0 ? 0 : Math.min(256, Math.max(4, worth));
    const forPrompts = promptRows(demands, { parts: division.prompts, budget, least: 2 });
    const had = division.rows.map((rows, i) => ({ rows, promptRows: forPrompts[i]! }));
    const lags = settle(demands, had, { stepMs, promptRowMs });
    elapsed += decodeMs + forPrompts.reduce((sum, rows) => sum + rows, 0) * promptRowMs;
    for (const [i, { rows, promptRows }] of had.entries()) {
      const alone = tenants[i]!.rows;
      made[i]! += (alone === 0 ? 0 : (rows / alone) * stepMs(alone)) + promptRows * promptRowMs;
      since[i] = rows + promptRows > 0 ? 0 : since[i]! + 1;
      longest[i] = Math.max(longest[i]!, since[i]!);
    }
    demands = demands.map((each, i) => ({ ...each, lag: lags[i]! }));
  }
  return { progress: made.map((ms) => ms / elapsed), longest, elapsed };
}

describe('dividing a step', () => {
  it('keeps all rows if there is one tenant, or if the whole batch leaves every tenant its share', () => {
    expect(divide([demand(100)], { stepMs: affine, prefillShare }).rows).toEqual([100]);
    const flat: StepMs = (rows) => (rows === 0 ? 0 : 100 + rows);
    expect(divide([demand(1), demand(64)], { stepMs: flat, prefillShare }).rows).toEqual([1, 64]);
    expect(divide([demand(3), demand(3)], { stepMs: affine, prefillShare }).rows).toEqual([3, 3]);
  });

  it('keeps a step so short that the tenant with few rows is not slowed below its share', () => {
    expect(divide([demand(1), demand(100)], { stepMs: affine, prefillShare }).rows).toEqual([1, 3]);
  });

  it('makes one large step and then small ones if small batches are expensive', () => {
    const concave: StepMs = (rows) => 4 * Math.sqrt(rows);
    let demands = [demand(1), demand(64)];
    const rows: number[][] = [];
    for (let step = 0; step < 12; step++) {
      const division = divide(demands, { stepMs: concave, prefillShare });
      rows.push(division.rows);
      const had = division.rows.map((count) => ({ rows: count, promptRows: 0 }));
      const lags = settle(demands, had, { stepMs: concave, promptRowMs: 1 });
      demands = demands.map((each, i) => ({ ...each, lag: lags[i]! }));
    }
    expect(rows.slice(0, 8)).toEqual([[1, 48], ...Array(5).fill([1, 0]), [1, 48], [1, 0]]);
  });

  it("gives prefill its tenant's share of the time", () => {
    const only = { stepMs: affine, prefillShare };
    expect(divide([demand(8, { prompts: 90 })], only).promptShare).toBeCloseTo(0.7);
    expect(divide([demand(8), demand(0, { prompts: 90 })], only).promptShare).toBeCloseTo(0.5);
    const three = divide([demand(8), demand(0, { prompts: 90, weight: 2 }), demand(0, { prompts: 9 })], only);
    expect(three.promptShare).toBeCloseTo(0.75);
    expect(three.prompts).toEqual([0, expect.closeTo(2 / 3), expect.closeTo(1 / 3)]);
    expect(divide([demand(0, { prompts: 9 }), demand(0, { prompts: 9 })], only).promptShare).toBe(1);
  });

  it('divides a budget of prompt rows between tenants, and gives rows that one does not need to the others', () => {
    const two = [demand(0, { prompts: 1000 }), demand(0, { prompts: 20 })];
    const parts = [0.5, 0.5];
    expect(promptRows(two, { parts, budget: 100, least: 2 })).toEqual([80, 20]);
    expect(promptRows([two[0]!, two[0]!], { parts: [0.75, 0.25], budget: 100, least: 2 })).toEqual([75, 25]);
    const late = { ...two[1]!, lag: 5 };
    expect(promptRows([two[0]!, late], { parts, budget: 3, least: 2 })).toEqual([0, 3]);
    expect(promptRows(two, { parts, budget: 1, least: 2 })).toEqual([0, 0]);
  });

  it('charges a tenant for the time that is spent beside its rows', () => {
    const prices = { stepMs: affine, leastMs: 2, mostMs: 10, aloneMs: 50 };
    expect(ownTime([demand(0)], prices)).toEqual([50]);
    expect(ownTime([demand(16), demand(0)], prices)).toEqual([2, 10]);
    expect(ownTime([demand(3), demand(0)], prices)).toEqual([2, 5]);
    // The tenant is ahead by the time that it spent beyond its share, so it waits.
    expect(ownTime([demand(3), demand(0, { lag: -5 })], prices)).toEqual([2, 0]);
  });

  it('gives a tenant its share even if another tenant spends more time beside rows than is allowed', () => {
    const pieces = fc.record({
      own: fc.integer({ min: 1, max: 64 }),
      others: fc.nat(64),
      piece: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(pieces, ({ own, others, piece }) => {
        const stepMs = affine;
        let demands = [demand(own), demand(others)];
        let elapsed = 0;
        let made = 0;
        for (let step = 0; step < 400; step++) {
          const allowed = ownTime(demands, { stepMs, leastMs: 2, mostMs: 10, aloneMs: 50 })[1] ?? 0;
          const ownMs = allowed > 0 ? piece : 0;
          const { rows } = divide(demands, { stepMs, prefillShare });
          const had = [
            { rows: rows[0]!, promptRows: 0 },
            { rows: rows[1]!, promptRows: 0, ownMs },
          ];
          const lags = settle(demands, had, { stepMs, promptRowMs: 1 });
          demands = demands.map((each, i) => ({ ...each, lag: lags[i]! }));
          elapsed += stepMs(rows[0]! + rows[1]!) + ownMs;
          made += (rows[0]! / own) * stepMs(own);
        }
        expect(made / elapsed).toBeGreaterThan(0.9 / 2);
      }),
      { seed: 11, numRuns: 100 },
    );
  });

  const costs = fc
    .record({
      base: fc.double({ min: 0, max: 20, noNaN: true }),
      power: fc.double({ min: 0.4, max: 1, noNaN: true }),
    })
    .map(
      ({ base, power }): StepMs =>
        (rows) =>
          rows === 0 ? 0 : base + rows ** power,
    );

  it('gives every tenant its share of the speed that it would have alone, whatever batches cost', () => {
    const tenants = fc.array(
      fc.record({ weight: fc.integer({ min: 1, max: 4 }), rows: fc.integer({ min: 1, max: 100 }) }),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(tenants, costs, (all, stepMs) => {
        const { progress, longest } = run(all, stepMs, 500);
        const total = all.reduce((sum, { weight }) => sum + weight, 0);
        for (const [i, { weight }] of all.entries()) {
          expect(progress[i]! / (weight / total)).toBeGreaterThan(0.95);
          expect(longest[i]!).toBeLessThan(400);
        }
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  it('gives tenants with prompts their share as well', () => {
    const tenants = fc.array(
      fc.record({
        weight: fc.integer({ min: 1, max: 3 }),
        rows: fc.integer({ min: 0, max: 60 }),
        prompts: fc.boolean(),
      }),
      { minLength: 1, maxLength: 4 },
    );
    const some = tenants.map((all) => all.map((each) => (each.rows > 0 ? each : { ...each, prompts: true })));
    fc.assert(
      fc.property(some, costs, (all, stepMs) => {
        const { progress } = run(all, stepMs, 500);
        const total = all.reduce((sum, { weight }) => sum + weight, 0);
        for (const [i, { weight }] of all.entries())
          expect(progress[i]! / (weight / total)).toBeGreaterThan(0.9);
      }),
      { seed: 8, numRuns: 100 },
    );
  });
});
