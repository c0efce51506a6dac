import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runByExpert, sortAsks } from '../../../model/devices/by-expert.ts';

const hidden = 2;

const drawn = fc.array(fc.tuple(fc.nat(7), fc.nat(300)), { minLength: 1, maxLength: 40 });

test('every (row, expert) pair is in the places of its expert once, in order', () => {
  fc.assert(
    fc.property(drawn, (pairs) => {
      const { experts, counts, places } = sortAsks(Uint16Array.from(pairs.flat()));
      expect(experts).toEqual([...new Set(pairs.map(([, expert]) => expert))].sort((a, b) => a - b));
      const sorted = experts.flatMap((expert, i) => new Array<number>(counts[i]!).fill(expert));
      const expected = pairs
        .map(([row, expert], ask) => ({ row, expert, ask }))
        .sort((a, b) => a.expert - b.expert || a.ask - b.ask);
      expect(sorted).toEqual(expected.map(({ expert }) => expert));
      expect([...places]).toEqual(expected.flatMap(({ row, ask }) => [row, ask]));
    }),
    { seed: 3, numRuns: 300 },
  );
});

test('a device gets each expert once with all its rows, and answers are in the order of the pairs', async () => {
  await fc.assert(
    fc.asyncProperty(drawn, async (pairs) => {
      const x = Float32Array.from({ length: 8 * hidden }, (_, i) => i);
      const seen: number[] = [];
      const answers = await runByExpert(x, Uint16Array.from(pairs.flat()), hidden, async (groups) => {
        seen.push(...groups.map(({ expert }) => expert));
        return groups.map(({ expert, rows }) => rows.map((value) => 1_000 * expert + value));
      });
      expect(seen).toEqual([...new Set(seen)]);
      expect([...answers]).toEqual(
        pairs.flatMap(([row, expert]) => [0, 1].map((i) => 1_000 * expert + row * hidden + i)),
      );
    }),
    { seed: 4, numRuns: 200 },
  );
});

test('runByExpert throws if a device answers with another number of rows', async () => {
  const asked = runByExpert(new Float32Array(hidden), Uint16Array.of(0, 4), hidden, async () => [
    new Float32Array(1),
  ]);
  await expect(asked).rejects.toThrow('the device answered expert 4 with 1 floats for 2');
});
