import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joinAsks, splitAnswers } from '../../experts/batch.ts';

const hidden = 2;

/** Jobs of rows whose floats are all different, asking any experts for any of their rows. */
const jobs = fc
  .array(
    fc.tuple(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(fc.nat(3), fc.nat(5)), { minLength: 1, maxLength: 9 }),
    ),
    {
      minLength: 1,
      maxLength: 5,
    },
  )
  .map((drawn) =>
    drawn.map(([rows, asks], job) => ({
      rows: Float32Array.from({ length: rows * hidden }, (_, i) => 100 * job + i),
      asks: Uint16Array.from(asks.flatMap(([row, expert]) => [row % rows, expert])),
    })),
  );

test('each ask gets the answer of its own expert and row, whatever it was joined with', () => {
  fc.assert(
    fc.property(jobs, (asked) => {
      const groups = joinAsks(asked, hidden);
      const outputs = groups.map(({ expert, rows }) => rows.map((value) => 1_000 * (expert + 1) + value));
      const answers = splitAnswers(asked, groups, outputs, hidden);
      asked.forEach(({ rows, asks }, job) => {
        const expected = Array.from({ length: asks.length / 2 }, (_, ask) => {
          const [row = 0, expert = 0] = asks.subarray(2 * ask);
          return [...rows.subarray(row * hidden, (row + 1) * hidden)].map(
            (value) => 1_000 * (expert + 1) + value,
          );
        }).flat();
        expect([...(answers[job] ?? [])]).toEqual(expected);
      });
    }),
    { seed: 5, numRuns: 500 },
  );
});

test('each expert appears once, with as many rows as were asked of it', () => {
  fc.assert(
    fc.property(jobs, (asked) => {
      const groups = joinAsks(asked, hidden);
      const experts = groups.map(({ expert }) => expert);
      expect(experts).toEqual([...new Set(experts)].sort((a, b) => a - b));
      const rows = groups.reduce((sum, group) => sum + group.rows.length / hidden, 0);
      expect(rows).toBe(asked.reduce((sum, { asks }) => sum + asks.length / 2, 0));
    }),
    { seed: 6, numRuns: 200 },
  );
});

test('a device that answers with another number of rows is caught', () => {
  const asked = [{ rows: new Float32Array(hidden), asks: Uint16Array.of(0, 4) }];
  const groups = joinAsks(asked, hidden);
  expect(() => splitAnswers(asked, groups, [new Float32Array(1)], hidden)).toThrow(
    'the device answered expert 4 with 1 floats for 2',
  );
});
