// What a soak requests, and how it judges the numbers of a leak, of a slowdown and of a steady run.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { soakRequest } from '../../bench/load/requests.ts';
import { growthOf, type Interval, soakTable, verdictsOf } from '../../bench/load/soak-verdicts.ts';
import { percentile } from '../../bench/statistics.ts';
import { uniform } from '../support/random.ts';

function intervals(
  shape: (minute: number) => { anonymous?: number; gap?: number; errors?: number },
): Interval[] {
  return Array.from({ length: 30 }, (_, i) => {
    const { anonymous = 1e9, gap = 50, errors = 0 } = shape(i + 1);
    return {
      minutes: i + 1,
      seconds: 60,
      tokens: 3_000,
      requests: { whole: 20, left: 3, error: errors },
      gaps: Array.from({ length: 100 }, (_, n) => (n < 98 ? 20 : gap)),
      firstTokens: [300, 400, 500],
      memory: { pss: 12e9, anonymous },
    };
  });
}
const failed = (run: Interval[]) => verdictsOf(run).flatMap(({ name, ok }) => (ok ? [] : [name]));

it('passes a run that settles and stays stable', () => {
  expect(
    failed(intervals((minute) => ({ anonymous: minute < 5 ? minute * 1e8 : 6e8 + (minute % 3) * 1e6 }))),
  ).toEqual([]);
});

it('finds a leak of two megabytes a minute', () => {
  const run = intervals((minute) => ({ anonymous: 5e8 + minute * 2e6 }));
  expect(failed(run)).toEqual(['growth of anonymous memory once settled']);
  expect(growthOf(run)).toBeCloseTo(58e6, -3);
});

it('finds latencies that grow, and errors', () => {
  expect(failed(intervals((minute) => ({ gap: minute > 25 ? 70 : 50 })))).toEqual([
    'p99 gap of the last sixth / of the second sixth',
  ]);
  expect(failed(intervals((minute) => ({ errors: minute === 12 ? 1 : 0 })))).toEqual(['errors']);
});

it('fails a run that measured nothing', () => {
  expect(failed(intervals(() => ({})).map((each) => ({ ...each, gaps: [] })))).toEqual([
    'p99 gap of the last sixth / of the second sixth',
  ]);
  expect(failed([]).length).toBeGreaterThan(0);
});

it('takes a percentile that is one of the values', () => {
  const values = Array.from({ length: 200 }, (_, i) => 200 - i);
  expect(percentile(values, 0.99)).toBe(198);
  expect(percentile(values, 0.5)).toBe(100);
  expect(percentile([7], 0.99)).toBe(7);
});

it('prints a row for each interval', () => {
  expect(soakTable(intervals(() => ({}))).split('\n')).toHaveLength(31);
});

it('sends only requests that fit the model, the same for the same seed', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 16, max: 8_192 }), (seed, context) => {
      const ask = () => soakRequest(uniform(seed), { vocab: 300, context });
      const { body } = ask();
      const { prompt, max_tokens } = body as { prompt: string | number[]; max_tokens: number };
      expect(prompt.length).toBeGreaterThan(0);
      expect(prompt.length + max_tokens).toBeLessThanOrEqual(context);
      if (typeof prompt !== 'string') expect(Math.max(...prompt)).toBeLessThan(300);
      expect(ask()).toEqual(ask());
    }),
    { seed: 7, numRuns: 200 },
  );
});
