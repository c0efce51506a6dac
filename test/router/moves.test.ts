// Moves of whole fleets, event by event in any order: gateways that adopt and shards that let go never leave a unit
// without a copy that its gateway calls.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Adoptions } from '../../experts/adoptions.ts';
import { difference } from '../../experts/difference.ts';
import { formatHoldings, Holdings } from '../../experts/holdings.ts';
import { type Placement, unitsOf } from '../../experts/placement-file.ts';
import type { ModelShape } from '../../experts/wire.ts';
import type { Unit } from '../../model/devices/expert.ts';
import { Epochs } from '../../router/epochs.ts';

const shape: ModelShape = { identity: 'm', layers: 1, experts: 4, hidden: 4 };
const units = Array.from({ length: 4 }, (_, expert) => ({ layer: 0, expert }));
const names = ['a', 'b', 'c'];

interface TestShard {
  name: string;
  held: Unit[];
  placement: Placement | undefined;
  adoptions: Adoptions;
}

interface TestGateway {
  epochs: Epochs;
  /** As it was told last, by shard: words are under way. */
  told: Map<string, { held: Unit[]; placement: Placement | undefined }>;
}

type Event = readonly [kind: 'place' | 'load' | 'go' | 'hear' | 'restart', who: number, which: number];

/** At least one holder for each unit. */
const holders = fc.array(fc.subarray(names, { minLength: 1 }), { minLength: 4, maxLength: 4 });
const kinds = fc.constantFrom<Event[0]>(
  'place',
  'load',
  'load',
  'load',
  'go',
  'hear',
  'hear',
  'hear',
  'restart',
);
const events = fc.array(fc.tuple(kinds, fc.nat(2), fc.nat(2)), { minLength: 20, maxLength: 120 });

function placementOf(epoch: number, wanted: readonly (readonly string[])[]): Placement {
  const shards = names.map((name): [string, string] => {
    const held = units.filter((_, unit) => wanted[unit]!.includes(name));
    return [name, formatHoldings(held, shape)];
  });
  return { version: 1, model: 'm', epoch, shards: Object.fromEntries(shards) };
}

const wantedOf = ({ name, held, placement }: TestShard) =>
  placement === undefined ? held : (unitsOf(placement, name, shape) ?? held);

/** Gateways look at all shards anew, and tell them what they act on. */
function hear(gateway: TestGateway, shards: readonly TestShard[], from: TestShard): void {
  gateway.told.set(from.name, { held: [...from.held], placement: from.placement });
  const speaking = [...gateway.told].map(([name, { held, placement }]) => ({
    address: name,
    name,
    placement,
    state: 'available' as const,
    holdings: Holdings.of(held, shape).ranges(),
  }));
  gateway.epochs.learn(speaking);
  for (const shard of shards) shard.adoptions.say(gateway, gateway.epochs.epoch, 0);
}

/** The copies that the gateway calls: those that stay where there are any, else all it knows of. */
function called(gateway: TestGateway, unit: number): string[] {
  const known = names.filter((name) => gateway.told.get(name)?.held.some(({ expert }) => expert === unit));
  const staying = known.filter((name) => gateway.epochs.stays(name, unit));
  return staying.length > 0 ? staying : known;
}

test('no unit is let go while a gateway calls for it, in whatever order things happen', () => {
  let letGo = 0;
  const property = fc.property(
    fc.array(holders, { minLength: 1, maxLength: 3 }),
    holders,
    events,
    (placements, first, happening) => {
      const begin = placementOf(0, first);
      const shards = names.map((name): TestShard => {
        const held = unitsOf(begin, name, shape) ?? [];
        return { name, held, placement: undefined, adoptions: new Adoptions() };
      });
      const gateways = Array.from(
        { length: 3 },
        (): TestGateway => ({ epochs: new Epochs(shape), told: new Map() }),
      );
      for (const gateway of gateways) for (const shard of shards) hear(gateway, shards, shard);
      for (const [kind, who, which] of happening) {
        const shard = shards[who]!;
        if (kind === 'place') {
          const epoch = (which % placements.length) + 1;
          if (epoch <= (shard.placement?.epoch ?? 0)) continue;
          shard.placement = placementOf(epoch, placements[epoch - 1]!);
          shard.adoptions.follow(epoch);
        } else if (kind === 'load') {
          const { missing } = difference(shard.held, wantedOf(shard), shape);
          shard.held = [...shard.held, ...missing.slice(0, 1)];
        } else if (kind === 'hear') {
          hear(gateways[which]!, shards, shard);
        } else if (kind === 'restart') {
          // What was held is kept; what gateways had said is not, until they say it to the new process.
          shard.adoptions = new Adoptions();
          shard.adoptions.follow(shard.placement?.epoch ?? 0);
          for (const gateway of gateways) hear(gateway, shards, shard);
        } else if (kind === 'go' && shard.placement !== undefined) {
          const { missing, surplus } = difference(shard.held, wantedOf(shard), shape);
          if (missing.length > 0 || !shard.adoptions.reached(0)) continue;
          for (const { expert } of surplus) {
            for (const gateway of gateways) {
              const others = called(gateway, expert).filter((name) => name !== shard.name);
              expect(others.length).toBeGreaterThan(0);
            }
          }
          letGo += surplus.length;
          shard.held = wantedOf(shard);
          for (const gateway of gateways) hear(gateway, shards, shard);
        }
        for (const gateway of gateways) {
          for (const { expert } of units) {
            const holding = called(gateway, expert).filter((name) =>
              shards.some(
                (shard) => shard.name === name && shard.held.some((unit) => unit.expert === expert),
              ),
            );
            expect(holding.length).toBeGreaterThan(0);
          }
        }
      }
    },
  );
  fc.assert(property, { seed: 9, numRuns: 300 });
  expect(letGo).toBeGreaterThan(50); // the runs get that far
});
