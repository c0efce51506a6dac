// The requests of a simulated day, and what they need.
import { expect, test } from 'vitest';
import { exampleCell, movingHeat } from '../../../../infra/scaling/simulator/cell-model.ts';
import { neededCounts, oraclePlan, peakCounts } from '../../../../infra/scaling/simulator/needed.ts';
import { arrivals, exampleDay, rateAt } from '../../../../infra/scaling/simulator/traffic.ts';
import { uniform } from '../../../support/random.ts';

const HOUR = 3600;
const day = exampleDay(1);

test('the day has a night, a ramp, a lunch dip, a launch of five times the rate within a minute, and a flash crowd', () => {
  const at = (hour: number) => rateAt(day, hour * HOUR);
  expect([5, 8, 11.5, 13, 16].map(at)).toEqual(
    [0.06, 0.45, 1, 0.6, 0.92].map((rate) => expect.closeTo(rate, 9)),
  );
  const normal = day.rate(15 * HOUR + 60);
  expect(rateAt(day, 15 * HOUR + 60)).toBeCloseTo(5 * normal, 9);
  expect(rateAt(day, 15 * HOUR + 960)).toBeCloseTo(3 * day.rate(15 * HOUR + 960), 9);
  expect(rateAt(day, 20.5 * HOUR + 300)).toBeCloseTo(3 * day.rate(20.5 * HOUR + 300), 9);
});

test('requests come in their order, as many as the rates say, with the median lengths and within their limits', () => {
  const { shape } = day;
  const requests = arrivals({ seconds: 2_000, rate: () => 5, shape, events: [] }, uniform(3));
  expect(Math.abs(requests.length - 10_000)).toBeLessThan(4 * Math.sqrt(10_000));
  expect(requests.every(({ at }, i) => at >= (requests[i - 1]?.at ?? 0) && at < 2_000)).toBe(true);
  const prompts = requests.map(({ prompt }) => prompt).sort((a, b) => a - b);
  expect(Math.abs((prompts[5_000] ?? 0) - shape.prompt.median)).toBeLessThan(10);
  expect(prompts.at(-1)).toBeLessThanOrEqual(shape.prompt.most);
  expect(prompts[0]).toBeGreaterThanOrEqual(1);
});

test('batch jobs come beside the daily curve, with their own lengths', () => {
  const from = 2 * HOUR;
  const batch = {
    ...day,
    seconds: 600,
    rate: () => 0,
    events: day.events.map((event) => ({ ...event, from: 0, to: 600 })),
  };
  const requests = arrivals({ ...batch, events: batch.events.slice(0, 1) }, uniform(1));
  expect(day.events[0]).toMatchObject({ name: 'batch jobs', from });
  expect(Math.abs(requests.length - 300)).toBeLessThan(70);
  const prompts = requests.map(({ prompt }) => prompt).sort((a, b) => a - b);
  expect(prompts[150]).toBeGreaterThan(700);
});

test('the heat moves, and its parts add up to 1', () => {
  for (const second of [0, 1_000, 50_000]) {
    expect(movingHeat(second, 4).reduce((sum, part) => sum + part)).toBeCloseTo(1, 9);
  }
  expect(movingHeat(0, 4)).not.toEqual(movingHeat(4_000, 4));
});

test('an oracle has the pods before they are needed, and a fixed cell those of the busiest minute', () => {
  const busy = Array.from({ length: 600 }, (_, i) => ({ at: 600 + i / 5, prompt: 300, answer: 150 }));
  const needed = neededCounts(exampleCell, busy, 1_200);
  expect(needed[5]).toEqual([2, 2, 2, 2, 2]);
  const [most = 0] = needed[10] ?? [];
  // 5 requests a second of 300 / 400 + 150 / 150 seconds each, at 80 %.
  expect(most).toBe(Math.ceil((5 * 1.75) / 0.8));
  const plan = oraclePlan(exampleCell, busy, 1_200);
  expect(plan(0)[0]).toBe(2);
  expect(plan(600 - exampleCell.gateway.startSeconds)[0]).toBe(most);
  expect(peakCounts(exampleCell, busy, 1_200)[0]).toBe(most);
});
