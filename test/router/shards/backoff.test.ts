import { expect, test } from 'vitest';
import { banMs, cordonMs, reconnectDelayMs, refusedDelayMs } from '../../../router/shards/backoff.ts';

test('the first attempts to connect come fast, and later ones every two seconds', () => {
  expect([0, 1, 2, 5, 6, 40].map((failures) => reconnectDelayMs(failures, 1))).toEqual([
    50, 100, 200, 1600, 2000, 2000,
  ]);
});

test('random spreads each wait over its upper half', () => {
  expect(reconnectDelayMs(40, 0)).toBe(1000);
  expect(refusedDelayMs(0)).toBe(5000);
});

test('the first five losses lead to no ban, and each further loss doubles the ban, up to half a minute', () => {
  expect([0, 5, 6, 7, 10, 11, 500].map(banMs)).toEqual([0, 0, 1_000, 2_000, 16_000, 30_000, 30_000]);
});

test('each wrong answer makes the cordon four times as long, up to half an hour', () => {
  expect([1, 2, 3, 5, 6, 40].map((offences) => cordonMs(offences))).toEqual([
    5_000, 20_000, 80_000, 1_280_000, 1_800_000, 1_800_000,
  ]);
});
