// Two operators, three gateways and four shards, event by event in any order, with words that are late or lost and
// processes that are killed: no unit is ever without a holder, and whatever has happened, the fleet ends at one placement.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { idOf } from '../../../experts/placing/placement-id.ts';
import { type EventKind, PlacementFleet } from './placement-fleet.ts';

/** How often each happens. */
const weights: Record<EventKind, number> = {
  run: 8,
  operate: 3,
  strew: 2,
  die: 1,
  hear: 15,
  answer: 5,
  heed: 15,
  obey: 5,
  fill: 8,
  load: 4,
  go: 5,
  flush: 2,
  connect: 2,
  cut: 1,
  restart: 2,
  kill: 1,
  forget: 1,
  stall: 2,
  flow: 1,
};

const kinds = (Object.entries(weights) as [EventKind, number][]).flatMap(([kind, weight]) =>
  Array<EventKind>(weight).fill(kind),
);
const holders = fc.array(fc.subarray([0, 1, 2, 3], { minLength: 1, maxLength: 2 }), {
  minLength: 4,
  maxLength: 4,
});
const plans = fc.array(holders, { minLength: 3, maxLength: 3 });
/** Each number is a kind and two choices. */
const events = fc.uint32Array({ minLength: 20, maxLength: 80 });

test('no unit is ever without a holder, and every fleet ends at one placement', () => {
  const seen = { letGo: 0, conflicts: 0, ties: 0 };
  const property = fc.property(holders, plans, events, (first, wanted, happening) => {
    const fleet = new PlacementFleet(first, wanted);
    for (const event of happening)
      fleet.happen(kinds[event % kinds.length]!, (event >>> 10) % 48, (event >>> 20) % 48);
    const latest = fleet.latest();
    fleet.settle();
    for (const shard of fleet.shards) {
      expect(idOf(shard.placement)).toEqual(latest);
      expect(shard.held).toBe(fleet.wantedBy(shard));
    }
    for (const { epochs } of fleet.gateways) expect(epochs.id).toEqual(latest);
    seen.letGo += fleet.letGo;
    seen.conflicts += fleet.conflicts;
    seen.ties += fleet.ties;
  });
  fc.assert(property, { seed: 12, numRuns: 2_000 });
  // The runs get that far.
  expect(seen.letGo).toBeGreaterThan(1_000);
  expect(seen.conflicts).toBeGreaterThan(100);
  expect(seen.ties).toBeGreaterThan(100);
});
