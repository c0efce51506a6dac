// Tests which placement a gateway acts on, by the placements and holdings of its shards.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatHoldings, Holdings } from '../../experts/holdings.ts';
import type { Placement } from '../../experts/placing/placement-file.ts';
import { compareIds, idOf, LARGEST_EPOCH, MOST_AHEAD } from '../../experts/placing/placement-id.ts';
import type { ModelShape } from '../../experts/wire/model.ts';
import { Epochs, type SpeakingShard } from '../../router/epochs.ts';

const shape: ModelShape = { identity: 'm', layers: 2, experts: 3, hidden: 4 };
const units = Array.from({ length: 6 }, (_, unit) => ({ layer: Math.floor(unit / 3), expert: unit % 3 }));

/** Names of the holders, by unit (layer * experts + expert). */
function placementOf(epoch: number, holders: readonly (readonly string[])[]): Placement {
  const shards = Object.fromEntries(
    ['a', 'b', 'c'].map((name) => {
      const held = units.filter((_, unit) => holders[unit]!.includes(name));
      return [name, formatHoldings(held, shape)];
    }),
  );
  return { version: 1, model: 'm', epoch, shards };
}

function shard(
  name: string | undefined,
  held: readonly number[],
  placement?: Placement,
  state: SpeakingShard['state'] = 'available',
): SpeakingShard {
  const holdings = Holdings.of(
    held.map((unit) => units[unit]!),
    shape,
  ).ranges();
  return { address: `${name}:7001`, name, placement, state, holdings: state === 'available' ? holdings : [] };
}

const split = placementOf(2, [['a'], ['a'], ['a'], ['b'], ['b'], ['b']]);

test('a placement is adopted only when every unit is served by a shard that should hold it', () => {
  const epochs = new Epochs(shape);
  expect(epochs.learn([shard('a', [0, 1, 2], split), shard('b', [3, 4], split)])).toBe(false);
  // A unit does not count on a shard on which the placement does not want it.
  expect(epochs.learn([shard('a', [0, 1, 2, 5], split), shard('b', [3, 4], split)])).toBe(false);
  expect(epochs.newerFor('c', undefined)).toBe(split);
  expect(epochs.epoch).toBe(0);
  expect(epochs.learn([shard('a', [0, 1, 2], split), shard('b', [3, 4, 5], split)])).toBe(true);
  expect(epochs.epoch).toBe(2);
  expect(epochs.learn([shard('a', [0, 1, 2], split), shard('b', [3, 4, 5], split)])).toBe(false);
});

test('a placement is not adopted while a second replica is loading, but is adopted if the shard of that replica is away', () => {
  const twice = placementOf(3, Array(6).fill(['a', 'b']));
  const epochs = new Epochs(shape);
  const all = [0, 1, 2, 3, 4, 5];
  expect(epochs.learn([shard('a', all, twice), shard('b', [0], twice)])).toBe(false);
  expect(epochs.learn([shard('a', all, twice), shard('b', [0], twice, 'away')])).toBe(true);
});

test('the latest of several placements whose units are all served is adopted, and earlier ones are not adopted after it', () => {
  const later = placementOf(5, [['b'], ['b'], ['b'], ['a'], ['a'], ['a']]);
  const epochs = new Epochs(shape);
  const before = [shard('a', [0, 1, 2], split), shard('b', [3, 4, 5], split), shard('c', [], later)];
  expect(epochs.learn(before)).toBe(true);
  expect(epochs.epoch).toBe(2);
  expect(epochs.newerFor('a', split)).toBe(later);
  expect(epochs.newerFor('c', later)).toBeUndefined();
  expect(epochs.newerFor('stranger', split)).toBeUndefined();
  const all = [0, 1, 2, 3, 4, 5];
  expect(epochs.learn([shard('a', all, later), shard('b', all, later)])).toBe(true);
  expect(epochs.epoch).toBe(5);
  expect(epochs.learn(before)).toBe(false);
  expect(epochs.epoch).toBe(5);
});

test('a shard that follows another placement of the same epoch does not count, whatever units it holds', () => {
  const [first, second] = [split, placementOf(2, [['a'], ['a'], ['b'], ['b'], ['b'], ['b']])].sort((x, y) =>
    compareIds(idOf(x), idOf(y)),
  );
  const all = [0, 1, 2, 3, 4, 5];
  const epochs = new Epochs(shape);
  expect(epochs.learn([shard('a', all, first), shard('b', all, second)])).toBe(false);
  // The placement with the greater hash is the later one of two with the same epoch. It is sent to shards that follow the earlier one.
  expect(epochs.newerFor('a', first)).toBe(second);
  expect(epochs.newerFor('b', second)).toBeUndefined();
  expect(epochs.learn([shard('a', all, first), shard('b', all, first)])).toBe(true);
  expect(epochs.id).toEqual(idOf(first));
  expect(epochs.learn([shard('a', all, second), shard('b', all, second)])).toBe(true);
  expect(epochs.id).toEqual(idOf(second));
  expect(epochs.learn([shard('a', all, first), shard('b', all, first)])).toBe(false);
});

test('a placement whose epoch is out of bounds is ignored, or forgotten once another one is adopted', () => {
  const told: string[] = [];
  const epochs = new Epochs(shape, (_, why) => told.push(why));
  const wanted = [['a'], ['a'], ['a'], ['b'], ['b'], ['b']];
  const far = placementOf(LARGEST_EPOCH, wanted);
  epochs.learn([shard('c', [], placementOf(2 ** 53 - 1, wanted)), shard('d', [], far)]);
  expect(told).toEqual([`placement: epoch ${2 ** 53 - 1} is too high: it may be at most ${LARGEST_EPOCH}`]);
  expect(epochs.newerFor('a', undefined)).toBe(far);
  expect(epochs.newerFor('a', split)).toBeUndefined(); // the shard would refuse it
  const shards = [shard('a', [0, 1, 2], split), shard('b', [3, 4, 5], split), shard('d', [], far)];
  expect(epochs.learn(shards)).toBe(true);
  expect(epochs.newerFor('a', undefined)).toBe(split);
  epochs.learn([...shards, shard('c', [], placementOf(2 + MOST_AHEAD + 1, wanted))]);
  expect(told.at(-1)).toContain('the highest epoch here is 2');
});

test.each([
  [
    'experts that the model does not have',
    { ...split, shards: { a: '0-99', b: '' } },
    'placement: shards.a: experts',
  ],
  [
    'holdings that are no list of experts',
    { ...split, shards: { a: '', c: 'all' } },
    'placement: shards.c: experts: "all"',
  ],
  ['another model', { ...split, model: 'other' }, 'placement: model is other, not m'],
])('a shard with an unusable placement (%s) is reported once and blocks no other', (_name, bad, reason) => {
  const told: string[] = [];
  const epochs = new Epochs(shape, ({ address }, why) => told.push(`${address} ${why}`));
  const shards = [shard('c', [], { ...bad, epoch: 2 }), shard('d', [], { ...bad, epoch: 9 })];
  expect(epochs.learn(shards)).toBe(false);
  shards.push(shard('a', [0, 1, 2], split), shard('b', [3, 4, 5], split));
  expect(epochs.learn(shards)).toBe(true);
  expect(epochs.epoch).toBe(2);
  expect(epochs.newerFor('c', undefined)).toBe(split);
  expect(told).toEqual(
    ['c:7001', 'd:7001'].map((address) => expect.stringContaining(`${address} ${reason}`)),
  );
});

test('"stays" is false only for replicas that the adopted placement puts elsewhere', () => {
  const epochs = new Epochs(shape);
  expect(epochs.stays('a', 5)).toBe(true);
  epochs.learn([shard('a', [0, 1, 2], split), shard('b', [3, 4, 5], split)]);
  expect(epochs.stays('a', 0)).toBe(true);
  expect(epochs.stays('a', 5)).toBe(false);
  expect(epochs.stays('d', 5)).toBe(true);
  expect(epochs.stays(undefined, 5)).toBe(true);
});

test('every unit has a replica that stays, whichever placement is adopted', () => {
  const holders = fc.array(fc.subarray(['a', 'b', 'c']), { minLength: 6, maxLength: 6 });
  const held = fc.array(fc.subarray([0, 1, 2, 3, 4, 5]), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(holders, holders, held, fc.subarray([0, 1, 2]), (one, other, holding, following) => {
      const placements = [placementOf(1, one), placementOf(2, other)];
      const shards = ['a', 'b', 'c'].map((name, i) =>
        shard(name, holding[i]!, placements[following.includes(i) ? 1 : 0]),
      );
      const epochs = new Epochs(shape);
      epochs.learn(shards);
      const adopted = placements[epochs.epoch - 1];
      const isServed = (epoch: number, wanted: readonly (readonly string[])[]) =>
        units.every((_, unit) =>
          shards.some(
            ({ name, placement }, i) =>
              placement?.epoch === epoch && wanted[unit]!.includes(name!) && holding[i]!.includes(unit),
          ),
        );
      if (adopted === undefined) {
        // A placement that is served, with no shard still loading, would have been adopted.
        const still = (epoch: number, wanted: readonly (readonly string[])[]) =>
          shards.some(
            ({ name, placement }, i) =>
              placement?.epoch === epoch &&
              units.some((_, unit) => wanted[unit]!.includes(name!) && !holding[i]!.includes(unit)),
          );
        if (following.length > 0) expect(isServed(2, other) && !still(2, other)).toBe(false);
        if (following.length < 3) expect(isServed(1, one) && !still(1, one)).toBe(false);
        return;
      }
      for (const unit of units.keys()) {
        const staying = shards.filter(
          ({ name }, i) => holding[i]!.includes(unit) && epochs.stays(name, unit),
        );
        expect(staying.length).toBeGreaterThan(0);
      }
    }),
    { seed: 5, numRuns: 2_000 },
  );
});
