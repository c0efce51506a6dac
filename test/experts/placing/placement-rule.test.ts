// Tests the rules of placements with random events, for two operators, three gateways and four shards. Messages are late or lost,
// and processes are killed.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { idOf } from '../../../experts/placing/placement-id.ts';
import { type EventKind, PlacementFleet } from './placement-fleet.ts';

/** Relative frequency of each event. */
const weights: Record<EventKind, number> = {
  operatorSteps: 8,
  operatorStep: 3,
  oldCommand: 2,
  operatorDies: 1,
  gatewayHearsAll: 15,
  gatewayHears: 5,
  shardHearsAll: 15,
  shardHears: 5,
  shardLoadsAll: 8,
  shardLoads: 4,
  shardUnloads: 5,
  shardSaves: 2,
  connect: 2,
  disconnect: 1,
  restart: 2,
  kill: 1,
  gatewayRestarts: 1,
  pauseShard: 2,
  resumeShard: 1,
};

const kinds = (Object.entries(weights) as [EventKind, number][]).flatMap(([kind, weight]) =>
  Array<EventKind>(weight).fill(kind),
);
const holders = fc.array(fc.subarray([0, 1, 2, 3], { minLength: 1, maxLength: 2 }), {
  minLength: 4,
  maxLength: 4,
});
const plans = fc.array(holders, { minLength: 3, maxLength: 3 });
/** Each number encodes a kind of event and two choices. */
const events = fc.uint32Array({ minLength: 20, maxLength: 80 });

test('every unit always has a holder, and every fleet settles at one placement after any events', () => {
  const seen = { unloads: 0, conflicts: 0, ties: 0 };
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
    seen.unloads += fleet.unloads;
    seen.conflicts += fleet.conflicts;
    seen.ties += fleet.ties;
  });
  fc.assert(property, { seed: 12, numRuns: 2_000 });
  // The random runs reach the interesting cases often enough.
  expect(seen.unloads).toBeGreaterThan(1_000);
  expect(seen.conflicts).toBeGreaterThan(100);
  expect(seen.ties).toBeGreaterThan(100);
});
