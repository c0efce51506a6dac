// Which faults a schedule draws: the same for the same seed, of every kind, never on all replicas of an expert at once.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawRounds, KINDS, leavesCopies } from '../../bench/chaos/schedule.ts';

/** Four shards. Shard i holds quarters i and i + 1 (modulo 4) of the experts. */
const ring = [
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 0],
];

/** Any holdings in which every part has at least two holders, so that each shard may be struck. */
const holdings = fc
  .record({ shards: fc.integer({ min: 2, max: 6 }), parts: fc.integer({ min: 1, max: 6 }) })
  .chain(({ shards, parts }) =>
    fc.tuple(
      fc.constant(shards),
      fc.array(fc.subarray([...Array(shards).keys()], { minLength: 2 }), {
        minLength: parts,
        maxLength: parts,
      }),
    ),
  )
  .map(([shards, holders]) =>
    Array.from({ length: shards }, (_, shard) =>
      holders.flatMap((of, part) => (of.includes(shard) ? [part] : [])),
    ),
  );

describe('a schedule of faults', () => {
  it('leaves a healthy replica of every part in every round, for any holdings', () => {
    fc.assert(
      fc.property(holdings, fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (held, seed, pairs) => {
        const rounds = drawRounds({ seed, faults: 40, kinds: KINDS, holdings: held, pairs });
        for (const { faults } of rounds) {
          const down = faults.map(({ shard }) => shard);
          expect(new Set(down).size).toBe(down.length);
          const copies = held.filter((_, shard) => !down.includes(shard)).flat();
          expect(new Set(copies)).toEqual(new Set(held.flat()));
        }
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it('draws the requested number of faults: the same faults for the same seed, others for another seed', () => {
    const draw = (seed: number) => drawRounds({ seed, faults: 200, kinds: KINDS, holdings: ring });
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(1).flatMap(({ faults }) => faults)).toHaveLength(200);
  });

  it('draws every kind equally often, strikes every shard, and sometimes two shards at once', () => {
    const rounds = drawRounds({ seed: 4, faults: 200, kinds: KINDS, holdings: ring });
    const faults = rounds.flatMap((round) => round.faults);
    for (const kind of KINDS) expect(faults.filter((fault) => fault.kind === kind)).toHaveLength(20);
    for (const shard of ring.keys()) {
      expect(faults.filter((fault) => fault.shard === shard).length).toBeGreaterThan(20);
    }
    const pairs = rounds.filter((round) => round.faults.length === 2);
    expect(pairs.length).toBeGreaterThan(5);
    for (const { faults } of pairs) {
      expect(Math.abs((faults[0]?.shard ?? 0) - (faults[1]?.shard ?? 0))).toBe(2); // two shards that share no part
    }
  });

  it('hits only the shards that may be struck', () => {
    const standby = [...[[0], [1], [2], [3]], [0, 1, 2, 3]];
    const rounds = drawRounds({
      seed: 5,
      faults: 50,
      kinds: ['cut'],
      holdings: standby,
      struck: [0, 1, 2, 3],
      pairs: 1,
    });
    const shards = new Set(rounds.flatMap(({ faults }) => faults.map(({ shard }) => shard)));
    expect([...shards].sort()).toEqual([0, 1, 2, 3]);
  });

  it('refuses to hit a shard whose experts have no other replica', () => {
    expect(leavesCopies(ring, [0, 2])).toBe(true);
    expect(leavesCopies(ring, [0, 1])).toBe(false);
    expect(() => drawRounds({ seed: 1, faults: 1, kinds: KINDS, holdings: [[0], [1]] })).toThrow(
      'no shard may be struck',
    );
  });
});
