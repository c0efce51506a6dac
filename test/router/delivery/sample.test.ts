import { expect, test } from 'vitest';
import { Sample } from '../../../router/delivery/budget.ts';
import { uniform } from '../../support/random.ts';

test.each([1, 0.3])('the share is drawn even if only a share of %f of the calls can be audited', (able) => {
  const random = uniform(3);
  const sample = new Sample(0.01, random);
  let taken = 0;
  for (let call = 0; call < 100_000; call++) {
    if (!sample.draw() || random() >= able) continue;
    sample.take();
    taken++;
  }
  expect(taken).toBeGreaterThan(900);
  expect(taken).toBeLessThan(1_100);
});

test('after a long time without a call that could be audited, only one missed audit is made up for', () => {
  const sample = new Sample(0.5, () => draws.shift() ?? 1);
  const draws = [0, 0, 0, 0];
  for (let call = 0; call < 4; call++) expect(sample.draw()).toBe(true);
  expect(sample.draw()).toBe(true);
  sample.take();
  expect(sample.draw()).toBe(false);
});
