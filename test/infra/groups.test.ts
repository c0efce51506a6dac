// Plans groups of equal shards, and makes the groups of a cell from placements.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatHoldings } from '../../experts/holdings.ts';
import { groupsOf, requireGroups } from '../../infra/placement/groups.ts';
import type { Heat } from '../../infra/placement/heat.ts';
import { toPlacement } from '../../infra/placement/placement.ts';
import { plan } from '../../infra/placement/plan.ts';

const UNIT_BYTES = 1000;

/** Heat, a number of groups with memory for the model, and the size of each group. */
const cases = fc
  .record({
    layers: fc.integer({ min: 1, max: 3 }),
    experts: fc.integer({ min: 2, max: 10 }),
    groups: fc.integer({ min: 1, max: 4 }),
    size: fc.integer({ min: 1, max: 3 }),
    spare: fc.nat(8),
    seed: fc.nat(1000),
  })
  .map(({ layers, experts, groups, size, spare, seed }) => {
    const counts = Array.from({ length: layers }, (_, layer) =>
      Array.from({ length: experts }, (_, expert) => (seed * (1 + layer) * (1 + expert)) % 97),
    );
    const heat: Heat = { layers, experts, counts };
    const memoryBytes = (Math.ceil((layers * experts) / groups) + spare) * UNIT_BYTES;
    const shards = Array.from({ length: groups * size }, (_, n) => ({ name: `shard-${n}`, memoryBytes }));
    return { heat, shards, size };
  });

describe('a plan of groups', () => {
  it('gives all shards of a group the same units, and every unit to a whole group', () => {
    fc.assert(
      fc.property(cases, ({ heat, shards, size }) => {
        const options = { heat, shards, unitBytes: UNIT_BYTES, replicas: size, groupSize: size };
        for (const holders of plan(options).layout.flat()) {
          expect(holders.length).toBeGreaterThanOrEqual(size);
          for (const shard of holders) {
            const first = shard - (shard % size);
            const group = Array.from({ length: size }, (_, n) => first + n);
            expect(holders).toEqual(expect.arrayContaining(group));
          }
        }
      }),
      { seed: 5, numRuns: 30 },
    );
  });

  it('is the plan of single shards if each group has one', () => {
    const heat: Heat = { layers: 1, experts: 4, counts: [[9, 1, 1, 1]] };
    const shards = ['a', 'b'].map((name) => ({ name, memoryBytes: 3 * UNIT_BYTES }));
    const options = { heat, shards, unitBytes: UNIT_BYTES };
    expect(plan({ ...options, groupSize: 1 })).toEqual(plan(options));
  });

  it('compares itself with plans on fewer groups, not on parts of a group', () => {
    const heat: Heat = { layers: 2, experts: 8, counts: [1, 2].map(() => new Array<number>(8).fill(1)) };
    const shards = Array.from({ length: 6 }, (_, n) => ({ name: `s${n}`, memoryBytes: 8 * UNIT_BYTES }));
    const cost = { frame: 1000, expert: 0, row: 0 };
    const { fewer } = plan({ heat, shards, unitBytes: UNIT_BYTES, replicas: 2, groupSize: 2, cost });
    expect(fewer?.shards).toEqual(['s0', 's1', 's2', 's3']);
  });
});

describe('the shards of a plan of groups', () => {
  const shards = [1, 1, 2, 2].map((memoryBytes, n) => ({ name: `s${n}`, memoryBytes }));

  it('are accepted if each group has shards of equal memory', () => {
    expect(() => requireGroups(shards, 2)).not.toThrow();
  });

  it('are refused if they do not make whole groups', () => {
    expect(() => requireGroups(shards, 3)).toThrow('4 shards do not make whole groups of 3');
  });

  it('are refused if the memory of a group differs', () => {
    expect(() => requireGroups(shards, 4)).toThrow('s0 and s2 are replicas of one group, but their memory');
  });
});

describe('the groups of a placement', () => {
  it('are the distinct sets of units, and shards with equal sets are replicas of one group', () => {
    const groups = groupsOf({ shards: { a: '0-1', b: '2-3', c: '0-1', d: '', e: '2-3', f: '0' } });
    expect(groups.map(({ experts, replicas }) => [experts, replicas])).toEqual([
      ['0-1', 2],
      ['2-3', 2],
      ['0', 1],
    ]);
  });

  it('keep their names as long as their units are the same', () => {
    const namesOf = (shards: Record<string, string>) => groupsOf({ shards }).map(({ name }) => name);
    const [low, high] = namesOf({ a: '0-1', b: '2-3' });
    expect(low).toMatch(/^g[0-9a-f]{8}$/);
    expect(namesOf({ x: '2-3', y: '0,1' })).toEqual([high, expect.not.stringMatching(low!)]);
    expect(namesOf({ x: '2-3', y: '0-1' })).toEqual([high, low]);
  });

  it('hold the units of the layout', () => {
    const layout = [
      [
        [0, 1],
        [2, 3],
        [0, 1, 2, 3],
      ],
    ];
    const placement = toPlacement({ layout, names: ['a', 'b', 'c', 'd'], model: 'm', epoch: 1 });
    const unit = (expert: number) => ({ layer: 0, expert });
    const shape = { layers: 1, experts: 3 };
    expect(groupsOf(placement).map(({ experts, replicas }) => [experts, replicas])).toEqual([
      [formatHoldings([unit(0), unit(2)], shape), 2],
      [formatHoldings([unit(1), unit(2)], shape), 2],
    ]);
  });
});
