import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinAsks, splitAnswers } from '../../experts/batch.ts';

const hidden = 2;

/** Jobs whose floats are all different. Each job asks random experts for some of its rows. */
const jobs = fc
  .array(
    fc.tuple(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(fc.nat(3), fc.nat(5)), { minLength: 1, maxLength: 9 }),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((drawn) =>
    drawn.map(([rows, asks], job) => ({
      rows: Float32Array.from({ length: rows * hidden }, (_, i) => 100 * job + i),
      asks: Uint16Array.from(asks.flatMap(([row, expert]) => [row % rows, expert])),
    })),
  );

/** The answers of a device: for each (row, expert) pair, the values of the row plus 1,000 * (expert + 1). */
function answersOf({ rows, asks }: { rows: Float32Array; asks: Uint16Array }): number[] {
  return Array.from({ length: asks.length / 2 }, (_, ask) => {
    const [row = 0, expert = 0] = asks.subarray(2 * ask);
    return [...rows.subarray(row * hidden, (row + 1) * hidden)].map((value) => 1_000 * (expert + 1) + value);
  }).flat();
}

test('each (row, expert) pair gets its own answer in any batch', () => {
  fc.assert(
    fc.property(jobs, (asked) => {
      const answers = splitAnswers(asked, Float32Array.from(answersOf(joinAsks(asked, hidden))), hidden);
      expect(answers.map((ofJob) => [...ofJob])).toEqual(asked.map(answersOf));
    }),
    { seed: 5, numRuns: 500 },
  );
});

test('joinAsks returns the same object if there is only one job', () => {
  const job = { rows: new Float32Array(hidden), asks: Uint16Array.of(0, 4) };
  expect(joinAsks([job], hidden)).toBe(job);
});

test('splitAnswers throws if the device returns a wrong number of rows', () => {
  const asked = [{ asks: Uint16Array.of(0, 4) }];
  expect(() => splitAnswers(asked, new Float32Array(1), hidden)).toThrow(
    'the device returned 1 floats instead of 2',
  );
});
