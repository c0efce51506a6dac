import { expect, test } from 'vitest';
import { Sample } from '../../../router/delivery/sample.ts';
import { uniform } from '../../support/random.ts';

test.each([1, 0.3])('the share that is asked for is taken, where %f of the calls can be', (able) => {
  const random = uniform(3);
  const sample = new Sample({ share: 0.01, random });
  let taken = 0;
  for (let call = 0; call < 100_000; call++) {
    if (!sample.draw() || random() >= able) continue;
    sample.take();
    taken++;
  }
  expect(taken).toBeGreaterThan(900);
  expect(taken).toBeLessThan(1_100);
});

test('what could not be taken for long is made up for once, not by a row of calls', () => {
  const sample = new Sample({ share: 0.5, random: () => draws.shift() ?? 1 });
  const draws = [0, 0, 0, 0];
  for (let call = 0; call < 4; call++) expect(sample.draw()).toBe(true);
  expect(sample.draw()).toBe(true);
  sample.take();
  expect(sample.draw()).toBe(false);
});
