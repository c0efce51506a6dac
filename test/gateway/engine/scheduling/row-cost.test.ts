import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RowCost } from '../../../../gateway/engine/scheduling/row-cost.ts';
import { uniform } from '../../../support/random.ts';

/** Learns from a prompt of 2,000 tokens in chunks of 250 whose rows cost `rowMs(position)`, with 5 % of noise. */
function learnt(rowMs: (position: number) => number): RowCost {
  const random = uniform(3);
  const cost = new RowCost();
  for (let at = 125; at < 2_000; at += 250) cost.learn(at, rowMs(at) * (0.95 + 0.1 * random()));
  return cost;
}

describe('the learnt cost of a prefill row', () => {
  it('is unknown before the first sample, and that of the first sample at every position', () => {
    const cost = new RowCost();
    expect(cost.at(0)).toBeUndefined();
    cost.learn(100, 0.5);
    expect([0, 100, 4_000].map((position) => cost.at(position))).toEqual([0.5, 0.5, 0.5]);
  });

  it('grows with the position as the samples do', () => {
    const rowMs = (position: number) => 0.05 + 0.0001 * position;
    const cost = learnt(rowMs);
    for (const position of [0, 500, 1_000, 2_000, 4_000])
      expect(Math.abs(cost.at(position)! / rowMs(position) - 1)).toBeLessThan(0.15);
  });

  it('does not fall with the position, because no row is cheaper for the positions before it', () => {
    const cost = learnt((position) => 1 - 0.0004 * position);
    expect(cost.at(0)).toBe(cost.at(2_000));
  });

  it('hardly changes after one unusual sample, and follows a lasting change', () => {
    const cost = learnt(() => 1);
    cost.learn(1_000, 50);
    expect(cost.at(1_000)!).toBeLessThan(1.3);
    for (let i = 0; i < 40; i++) cost.learn(1_000, 3);
    expect(Math.abs(cost.at(1_000)! - 3)).toBeLessThan(0.1);
  });

  it('is positive and finite, whatever times are measured', () => {
    const sample = fc.tuple(
      fc.nat(1e5),
      fc.double({ min: 1e-6, max: 1e4, noNaN: true }),
      fc.constantFrom(0.1, 1),
    );
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 40 }), fc.nat(1e5), (samples, position) => {
        const cost = new RowCost();
        for (const each of samples) cost.learn(...each);
        expect(cost.at(position)!).toBeGreaterThan(0);
        expect(cost.at(position)!).toBeLessThan(Number.POSITIVE_INFINITY);
      }),
      { seed: 8, numRuns: 500 },
    );
  });
});
