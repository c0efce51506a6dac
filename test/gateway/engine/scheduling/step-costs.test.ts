import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StepCosts } from '../../../../gateway/engine/scheduling/step-costs.ts';

/** Learns from steps of a machine with these costs. Each step's time varies a little, as on a busy machine. */
function learnt({
  plain,
  row,
  draft = row,
  idle = 0,
  steps = 60,
}: {
  plain: (decoding: number) => number;
  row: number;
  draft?: number;
  /** Share of a step for which the thread is idle. */
  idle?: number;
  steps?: number;
}): StepCosts {
  const costs = new StepCosts();
  const off = (step: number) => 1 + 0.1 * Math.sin(7 * step);
  for (let step = 0; step < steps; step++) {
    const learn = (decoding: number, promptRows: number, drafts: number, ms: number) =>
      costs.learn({ decoding, promptRows, position: 0, drafts, ms: ms * off(step), idleMs: idle * ms });
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
    expect(costs.promptRows(8, 0.5, 0)).toBeUndefined();
    costs.learn({ decoding: 8, promptRows: 0, position: 0, drafts: 0, ms: 20, idleMs: 0 });
    expect(costs.promptRows(8, 0.5, 0)).toBeUndefined();
    costs.learn({ decoding: 0, promptRows: 100, position: 0, drafts: 0, ms: 20, idleMs: 0 });
    expect(costs.promptRows(8, 0.5, 0)).toBe(66); // beside decode rows, a prefill row is assumed to cost 1.5 times as much
  });

  it('gives prompts the number of rows that fills their share of a step', () => {
    const costs = learnt({ plain: (decoding) => 2 * decoding + 4, row: 0.5 });
    for (const [decoding, ms] of [
      [8, 20],
      [2, 8],
    ] as const) {
      for (const share of [0.25, 0.5, 0.75]) {
        const rows = costs.promptRows(decoding, share, 0) ?? Number.NaN;
        const taken = (0.5 * rows) / (ms + 0.5 * rows);
        expect(Math.abs(taken - share)).toBeLessThan(0.07);
      }
    }
  });

  it('gives as the price of a draft the number of tokens that decode rows generate in the time of one draft', () => {
    expect(new StepCosts().draftPrice(1)).toBe(0.6);
    const costs = learnt({ plain: (decoding) => 2 * decoding + 4, row: 1, draft: 2 });
    expect(Math.abs(costs.draftPrice(8) - (2 * 8) / 20)).toBeLessThan(0.15);
    expect(Math.abs(costs.draftPrice(2) - (2 * 2) / 8)).toBeLessThan(0.1);
  });

  it('assumes a lower price if steps wait for shards, until a draft was measured', () => {
    const costs = new StepCosts();
    for (let i = 0; i < 20; i++)
      costs.learn({ decoding: 4, promptRows: 0, position: 0, drafts: 0, ms: 20, idleMs: 16 });
    expect(costs.draftPrice(4)).toBeCloseTo(0.6 * (0.2 + 0.5 * 0.8));
    for (let i = 0; i < 20; i++)
      costs.learn({ decoding: 4, promptRows: 0, position: 0, drafts: 2, ms: 20.5, idleMs: 16 });
    expect(costs.draftPrice(4)).toBeLessThan(0.1);
  });

  it('believes one draft among many sequences less than one of a single sequence', () => {
    const prices = [1, 16].map((decoding) => {
      const costs = new StepCosts();
      for (const ms of [20, 22, 18, 21, 19, 20])
        costs.learn({ decoding, promptRows: 0, position: 0, drafts: 0, ms, idleMs: 0 });
      costs.learn({ decoding, promptRows: 0, position: 0, drafts: 1, ms: 20, idleMs: 0 });
      return costs.draftPrice(decoding);
    });
    expect(prices[0]).toBeLessThan(0.5);
    expect(prices[1]).toBeGreaterThan(0.55);
  });

  it('never takes a draft for free, however long the steps wait for shards', () => {
    const costs = learnt({ plain: () => 100, row: 1, draft: 0, idle: 0.99 });
    for (const decoding of [1, 2, 8]) {
      expect(costs.draftPrice(decoding)).toBeGreaterThanOrEqual(0.05);
      expect(costs.draftPrice(decoding)).toBeLessThan(0.1);
    }
  });

  it('does not stop drafts after one slow draft, and makes drafts again some time after many slow ones', () => {
    const costs = new StepCosts();
    const plain = () =>
      costs.learn({ decoding: 1, promptRows: 0, position: 0, drafts: 0, ms: 10, idleMs: 0 });
    const draft = (ms: number) =>
      costs.learn({ decoding: 1, promptRows: 0, position: 0, drafts: 1, ms, idleMs: 0 });
    plain();
    draft(100);
    expect(costs.draftPrice(1)).toBeLessThan(0.9);
    for (let i = 0; i < 20; i++) draft(30);
    expect(costs.draftPrice(1)).toBeGreaterThan(1);
    for (let i = 0; i < 4_000; i++) plain();
    expect(costs.draftPrice(1)).toBeLessThan(0.7);
  });

  it('uses the cost at a similar number of sequences if no step had the same number', () => {
    const costs = learnt({ plain: (decoding) => 2 * decoding + 4, row: 0.5 });
    expect(costs.promptRows(64, 0.5, 0)).toBe(costs.promptRows(8, 0.5, 0));
  });

  it('hardly changes after one unusual step, and follows a lasting change', () => {
    const costs = learnt({ plain: () => 20, row: 0.5 });
    const before = costs.promptRows(8, 0.5, 0)!;
    costs.learn({ decoding: 8, promptRows: 30, position: 0, drafts: 0, ms: 900, idleMs: 0 });
    expect(costs.promptRows(8, 0.5, 0)!).toBeGreaterThan(0.8 * before);
    for (let i = 0; i < 30; i++)
      costs.learn({ decoding: 8, promptRows: 30, position: 0, drafts: 0, ms: 20 + 30 * 2, idleMs: 0 });
    expect(costs.promptRows(8, 0.5, 0)!).toBeLessThan(0.3 * before);
  });

  it('is never NaN or infinite, whatever times are measured', () => {
    const step = fc.record({
      decoding: fc.nat(70),
      promptRows: fc.nat(300),
      position: fc.nat(4_000),
      drafts: fc.nat(20),
      ms: fc.double({ min: 0, max: 1e4, noNaN: true }),
      idleMs: fc.double({ min: 0, max: 1e4, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const costs = new StepCosts();
        for (const each of steps) costs.learn(each);
        for (const decoding of [1, 5, 64]) {
          const rows = costs.promptRows(decoding, 0.5, 2_000);
          if (rows !== undefined) expect(rows).toBeGreaterThanOrEqual(0);
          expect(costs.draftPrice(decoding)).toBeGreaterThanOrEqual(0);
        }
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});
