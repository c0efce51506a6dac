import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bestReplicas, rungAt, rungLevel, rungs } from '../../../router/delivery/ladder.ts';

test('rungs are numbered from 1, and level 0 allows no rung', () => {
  expect(rungLevel(undefined)).toBe(0);
  expect(rungs.map(rungLevel)).toEqual([1, 2, 3, 4]);
  expect(rungs.map((rung) => rungAt(rungLevel(rung)))).toEqual([...rungs]);
});

test.each([0, 5, 1.5])('there is no rung %d', (level) => {
  expect(() => rungAt(level)).toThrow(RangeError);
});

test('bestReplicas returns the usable replicas of the best kind that the level allows, near ones if there are any', () => {
  const shards = fc.array(fc.record({ name: fc.nat(20), isNear: fc.boolean() }), { maxLength: 4 });
  fc.assert(
    fc.property(
      shards,
      shards,
      shards,
      fc.nat(4),
      fc.array(fc.nat(20)),
      (exact, other, standby, level, lost) => {
        const usable = ({ name }: { name: number }) => !lost.includes(name);
        const best = bestReplicas({ exact, otherClass: other, standby }, level, usable);
        const kinds = [exact, other, standby].map((kind) => kind.filter(usable));
        const expected = kinds.findIndex((kind) => kind.length > 0);
        if (expected < 0 || expected > level) expect(best).toBeUndefined();
        else {
          const near = kinds[expected]!.filter(({ isNear }) => isNear);
          expect(best).toEqual({ level: expected, replicas: near.length > 0 ? near : kinds[expected] });
        }
      },
    ),
    { seed: 7, numRuns: 1_000 },
  );
});
