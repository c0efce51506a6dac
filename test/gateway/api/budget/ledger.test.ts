import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryLedger } from '../../../../gateway/api/budget/ledger.ts';

const MB = 2 ** 20;

test('one tenant gets at most half of the memory, which leaves room for other tenants', () => {
  const ledger = new MemoryLedger(100 * MB);
  const first = ledger.open('a');
  expect(first.grow(50 * MB)).toBe(true);
  expect(first.grow(MB)).toBe(false);
  expect(ledger.open('b').grow(25 * MB)).toBe(true);
  expect(ledger.open('c').grow(12 * MB)).toBe(true);
  first.release();
  expect(ledger.held).toBe(37 * MB);
  expect(ledger.open('a').grow(31 * MB)).toBe(true);
});

test('any sequence of reservations stays within the limit, and all memory can be released', () => {
  const step = fc.record({
    at: fc.nat(5),
    what: fc.constantFrom('grow', 'release'),
    bytes: fc.nat(40 * MB),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ledger = new MemoryLedger(100 * MB);
      const all = Array.from({ length: 6 }, (_, i) => ledger.open(`o${i % 3}`));
      for (const { at, what, bytes } of steps) {
        if (what === 'grow') all[at]!.grow(bytes);
        else all[at]!.release();
        expect(ledger.held).toBeLessThanOrEqual(100 * MB);
        expect(ledger.held).toBeGreaterThanOrEqual(0);
      }
      for (const each of all) each.release();
      expect(ledger.held).toBe(0);
    }),
    { seed: 7 },
  );
});
