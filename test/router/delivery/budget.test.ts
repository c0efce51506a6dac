import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Budget } from '../../../router/delivery/budget.ts';

/** Largest number of saved extra calls. */
const saved = 20;

test('consecutive calls spend at most their share plus the saved extra calls', () => {
  const shares = fc.constantFrom(0.001, 0.05, 0.3, 1);
  const attempts = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 600 });
  fc.assert(
    fc.property(shares, attempts, fc.nat(2_000), (share, asked, quiet) => {
      const budget = new Budget(share);
      for (let i = 0; i < quiet; i++) budget.earn();
      const spent = asked.map((times) => {
        budget.earn();
        return Array.from({ length: times }, () => budget.spend()).filter(Boolean).length;
      });
      for (let from = 0; from < spent.length; from += 37) {
        const within = spent.slice(from);
        const sum = within.reduce((all, one) => all + one, 0);
        expect(sum).toBeLessThanOrEqual(share * within.length + saved + 1e-6);
      }
      const all = spent.reduce((sum, one) => sum + one, 0);
      expect(all).toBeLessThanOrEqual(share * (quiet + asked.length) + 1 + 1e-6);
    }),
    { seed: 12, numRuns: 200 },
  );
});

test('the whole share is spent if every call requests an extra call', () => {
  const budget = new Budget(0.05);
  let spent = 0;
  for (let i = 0; i < 10_000; i++) {
    budget.earn();
    if (budget.spend()) spent++;
  }
  expect(spent).toBeGreaterThanOrEqual(499);
  expect(spent).toBeLessThanOrEqual(502);
});

test('the very first call can be hedged', () => {
  expect(new Budget(0.05).spend()).toBe(true);
});

test('a share of 0 allows no extra call', () => {
  const budget = new Budget(0);
  for (let i = 0; i < 1_000; i++) budget.earn();
  expect(budget.spend()).toBe(false);
});
