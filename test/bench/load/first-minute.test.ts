import { expect, test } from 'vitest';
import { firstMinute } from '../../../bench/load/first-minute-rate.ts';

test('compares the tokens of the first part with those after it', () => {
  // One token every 20 ms for ten seconds, then one every 10 ms.
  const slow = Array.from({ length: 500 }, (_, i) => 20 * i);
  const fast = Array.from({ length: 1_000 }, (_, i) => 10_000 + 10 * i);
  expect(firstMinute([...slow, ...fast], { seconds: 10, settled: 10 })).toEqual({
    windows: [
      { from: 0, to: 5, rate: 50 },
      { from: 5, to: 10, rate: 50 },
      { from: 10, to: 15, rate: 100 },
      { from: 15, to: 20, rate: 100 },
    ],
    early: 50,
    settled: 100,
    share: 0.5,
  });
});
