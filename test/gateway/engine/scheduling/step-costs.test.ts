import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StepCosts } from '../../../../gateway/engine/scheduling/step-costs.ts';

/** Learns from steps of a machine with these costs. Each step's time varies a little, as on a busy machine. */
function learnt({
  plain,
  row,
  draft = row,
  steps = 60,
}: {
  plain: (decoding: number) => number;
  row: number;
  draft?: number;
  steps?: number;
}): StepCosts {
  const costs = new StepCosts();
  const off = (step: number) => 1 + 0.1 * Math.sin(7 * step);
  for (let step = 0; step < steps; step++) {
    const learn = (decoding: number, promptRows: number, drafts: number, ms: number) =>
      costs.learn({ decoding, promptRows, drafts, ms: ms * off(step) });
    learn(8, 0, 0, plain(8));
    learn(2, 0, 0, plain(2));
    learn(8, 30, 0, plain(8) + 30 * row);
    learn(8, 0, 3, plain(8) + 3 * draft);
  }
  return costs;
}

describe('the learnt cost of a step', () => {
  it('is unknown before the first steps', () => {
    const costs = new StepCosts();
    expect(costs.promptRows(8, 0.5)).toBeUndefined();
    costs.learn({ decoding: 8, promptRows: 0, drafts: 0, ms: 20 });
    expect(costs.promptRows(8, 0.5)).toBeUndefined();
    costs.learn({ decoding: 0, promptRows: 100, drafts: 0, ms: 20 });
    expect(costs.promptRows(8, 0.5)).toBe(66); // beside decode rows, a prefill row is assumed to cost 1.5 times as much
  });

  it('gives prompts the number of rows that fills their share of a step', () => {
    const costs = learnt({ plain: (decoding) => 2 * decoding + 4, row: 0.5 });
    for (const [decoding, ms] of [
      [8, 20],
      [2, 8],
    ] as const) {
      for (const share of [0.25, 0.5, 0.75]) {
        const rows = costs.promptRows(decoding, share) ?? Number.NaN;
        const taken = (0.5 * rows) / (ms + 0.5 * rows);
        expect(Math.abs(taken - share)).toBeLessThan(0.07);
      }
    }
  });

  it('gives as the price of a draft the number of tokens that decode rows generate in the time of one draft', () => {
    expect(new StepCosts().draftPrice(1)).toBe(0.5);
    const costs = learnt({ plain: (decoding) => 2 * decoding + 4, row: 1, draft: 2 });
    expect(Math.abs(costs.draftPrice(8) - (2 * 8) / 20)).toBeLessThan(0.15);
    expect(Math.abs(costs.draftPrice(2) - (2 * 2) / 8)).toBeLessThan(0.1);
  });

  it('does not stop drafts after one slow draft, and makes drafts again some time after many slow ones', () => {
    const costs = new StepCosts();
    const plain = () => costs.learn({ decoding: 1, promptRows: 0, drafts: 0, ms: 10 });
    const draft = (ms: number) => costs.learn({ decoding: 1, promptRows: 0, drafts: 1, ms });
    plain();
    draft(100);
    expect(costs.draftPrice(1)).toBeLessThan(0.6);
    for (let i = 0; i < 20; i++) draft(30);
    expect(costs.draftPrice(1)).toBeGreaterThan(1.5);
    for (let i = 0; i < 2_000; i++) plain();
    expect(costs.draftPrice(1)).toBeLessThan(0.6);
  });

  it('uses the cost at a similar number of sequences if no step had the same number', () => {
    const costs = learnt({ plain: (decoding) => 2 * decoding + 4, row: 0.5 });
    expect(costs.promptRows(64, 0.5)).toBe(costs.promptRows(8, 0.5));
  });

  it('hardly changes after one unusual step, and follows a lasting change', () => {
    const costs = learnt({ plain: () => 20, row: 0.5 });
    const before = costs.promptRows(8, 0.5)!;
    costs.learn({ decoding: 8, promptRows: 30, drafts: 0, ms: 900 });
    expect(costs.promptRows(8, 0.5)!).toBeGreaterThan(0.8 * before);
    for (let i = 0; i < 30; i++) costs.learn({ decoding: 8, promptRows: 30, drafts: 0, ms: 20 + 30 * 2 });
    expect(costs.promptRows(8, 0.5)!).toBeLessThan(0.3 * before);
  });

  it('is never NaN or infinite, whatever times are measured', () => {
    const step = fc.record({
      decoding: fc.nat(70),
      promptRows: fc.nat(300),
      drafts: fc.nat(20),
      ms: fc.double({ min: 0, max: 1e4, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const costs = new StepCosts();
        for (const each of steps) costs.learn(each);
        for (const decoding of [1, 5, 64]) {
          const rows = costs.promptRows(decoding, 0.5);
          if (rows !== undefined) expect(rows).toBeGreaterThanOrEqual(0);
          expect(costs.draftPrice(decoding)).toBeGreaterThanOrEqual(0);
        }
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});
