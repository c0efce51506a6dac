import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MeanLatency, Quantile, Rate } from '../../../router/delivery/latency.ts';
import { uniform } from '../../support/random.ts';

describe('a shard’s mean', () => {
  test('is the typical value before the first call', () => {
    expect(new MeanLatency().at(5, 3)).toBe(3);
  });

  test('moves by a tenth of the difference towards each call', () => {
    const mean = new MeanLatency();
    mean.learn(10, 0, 1);
    mean.learn(20, 0, 1);
    expect(mean.at(0, 1)).toBeCloseTo(11, 9);
  });

  test('lies between the smallest and the largest of all calls and typical values', () => {
    const call = fc.record({ ms: fc.double({ min: 0.01, max: 1e4, noNaN: true }), after: fc.nat(5_000) });
    fc.assert(
      fc.property(
        fc.array(call, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 50 }),
        (calls, typical) => {
          const mean = new MeanLatency();
          let now = 0;
          for (const { ms, after } of calls) {
            now += after;
            mean.learn(ms, now, typical);
          }
          const known = [typical, ...calls.map(({ ms }) => ms)];
          expect(mean.at(now + 100, typical)).toBeGreaterThanOrEqual(Math.min(...known) * (1 - 1e-9));
          expect(mean.at(now + 100, typical)).toBeLessThanOrEqual(Math.max(...known) * (1 + 1e-9));
        },
      ),
      { seed: 3, numRuns: 500 },
    );
  });

  test('of a slow shard fades towards the typical value by half in two seconds', () => {
    const mean = new MeanLatency();
    mean.learn(101, 0, 1);
    expect(mean.at(2_000, 1)).toBeCloseTo(51, 6);
    expect(mean.at(4_000, 1)).toBeCloseTo(26, 6);
    expect(mean.at(60_000, 1)).toBeCloseTo(1, 3);
  });

  test('continues from the faded value, so that a fast call does not bring the earlier slow mean back', () => {
    const mean = new MeanLatency();
    mean.learn(1_000, 0, 1);
    mean.learn(1, 60_000, 1);
    expect(mean.at(60_000, 1)).toBeLessThan(2);
  });

  test('of a fast shard does not fade', () => {
    const mean = new MeanLatency();
    mean.learn(1, 0, 10);
    expect(mean.at(60_000, 10)).toBe(1);
  });

  test('is raised and never lowered by a call that was given up', () => {
    const mean = new MeanLatency();
    mean.learn(10, 0, 1);
    mean.learnAtLeast(4, 0, 1);
    expect(mean.at(0, 1)).toBe(10);
    mean.learnAtLeast(40, 0, 1);
    expect(mean.at(0, 1)).toBe(40);
  });
});

describe('a running quantile', () => {
  const draws: [string, (next: () => number) => number, (q: number) => number][] = [
    ['uniform', (next) => 100 * next(), (q) => 100 * q],
    ['exponential', (next) => -10 * Math.log(1 - next()), (q) => -10 * Math.log(1 - q)],
    [
      'bimodal',
      (next) => (next() < 0.9 ? 1 + next() : 50 + 10 * next()),
      (q) => (q < 0.9 ? 1 + q / 0.9 : 50 + 100 * (q - 0.9)),
    ],
  ];
  test.each(draws)('of a distribution that is %s converges to the exact quantile', (_name, draw, exact) => {
    for (const [seed, q] of [0.5, 0.95].entries()) {
      const quantile = new Quantile(q);
      const next = uniform(seed + 1);
      for (let i = 0; i < 5_000; i++) quantile.learn(draw(next));
      let sum = 0;
      for (let i = 0; i < 5_000; i++) {
        quantile.learn(draw(next));
        sum += quantile.value ?? Number.NaN;
      }
      expect(Math.abs(sum / 5_000 / exact(q) - 1)).toBeLessThan(0.1);
    }
  });

  test('is undefined before a hundred calls, and finite and positive from then on', () => {
    const values = fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 100, maxLength: 300 });
    fc.assert(
      fc.property(values, (learnt) => {
        const quantile = new Quantile(0.95);
        for (const [i, value] of learnt.entries()) {
          expect(quantile.value === undefined).toBe(i < 100);
          quantile.learn(value);
        }
        expect(quantile.value).toBeGreaterThan(0);
        expect(quantile.value).toBeLessThan(1e12);
      }),
      { seed: 5, numRuns: 50 },
    );
  });

  test('adapts within a few hundred calls if a fleet becomes ten times slower', () => {
    const quantile = new Quantile(0.95);
    const next = uniform(8);
    for (let i = 0; i < 2_000; i++) quantile.learn(1 + next());
    for (let i = 0; i < 400; i++) quantile.learn(10 + 10 * next());
    expect(quantile.value).toBeGreaterThan(15);
  });
});

test('a rate approaches the number of events a second, and falls to a third in ten seconds without events', () => {
  const rate = new Rate();
  for (let ms = 0; ms < 60_000; ms += 20) rate.count(2, ms);
  expect(rate.at(60_000)).toBeGreaterThan(95);
  expect(rate.at(60_000)).toBeLessThan(105);
  expect(rate.at(70_000) / rate.at(60_000)).toBeCloseTo(Math.exp(-1));
});
