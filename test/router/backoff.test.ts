import { expect, test } from 'vitest';
import { reconnectDelayMs, refusedDelayMs } from '../../router/backoff.ts';

test('the first attempts come fast, later ones every two seconds', () => {
  expect([0, 1, 2, 5, 6, 40].map((failures) => reconnectDelayMs(failures, 1))).toEqual([
    50, 100, 200, 1600, 2000, 2000,
  ]);
});

test('waits are spread over the upper half', () => {
  expect(reconnectDelayMs(40, 0)).toBe(1000);
  expect(refusedDelayMs(0)).toBe(5000);
});
