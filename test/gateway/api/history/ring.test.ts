// The table of numbers over time, compared with a map that keeps every row, for rows with random gaps.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ring } from '../../../../gateway/api/endpoints/history/ring.ts';

test('keeps rows up to its size, drops older ones, and has no values for skipped rows', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 0, max: 60 }), (steps, after) => {
      const ring = new Ring({ columns: 2, rows: 8, stepMs: 1_000 });
      const known = new Map<number, number>();
      let row = 1_700_000_000;
      for (const [i, step] of steps.entries()) {
        row += step;
        ring.put(row * 1_000 + 250, [i, undefined]);
        known.set(row, i);
      }
      const first = 1_700_000_000 + (steps[0] ?? 0);
      const from = Math.max(first, row - 7, row - after);
      const wanted = Array.from({ length: row - from + 1 }, (_, i) => known.get(from + i) ?? null);
      const { startMs, columns } = ring.since((from - 1) * 1_000);
      expect(columns).toEqual([wanted, wanted.map(() => null)]);
      expect(startMs).toBe(from * 1_000);
    }),
    { seed: 5, numRuns: 300 },
  );
});

test('since() returns no rows from an empty table, or after the newest row', () => {
  const ring = new Ring({ columns: 1, rows: 4, stepMs: 1_000 });
  expect(ring.since(0)).toEqual({ startMs: 0, columns: [[]] });
  ring.put(5_000, [1]);
  expect(ring.since(5_000)).toEqual({ startMs: 0, columns: [[]] });
  ring.put(4_000, [9]); // ignored, because it is older than the newest row
  expect(ring.since(0)).toEqual({ startMs: 5_000, columns: [[1]] });
});
