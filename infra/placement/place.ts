// Makes a layout from heat and memory: balances the loads, adds replicas of hot experts if there is memory, and puts experts of
// consecutive layers that often get the same rows on one shard. Pure and deterministic.
import { type Heat, sharesOf } from './heat.ts';
import { contiguous, type Layout, loadsOf, unitsOf } from './layout.ts';
import { level, pack } from './pack.ts';
import { type PackedLayer, replicate } from './replicate.ts';
import { seatsOf } from './seats.ts';
import { spread } from './spread.ts';
import { together } from './together.ts';

export interface PlaceOptions {
  heat: Heat;
  /** `[shards]`, units that fit into each shard. */
  room: readonly number[];
  /** Minimum number of replicas of each unit. Default: 1. */
  replicas?: number;
  /** To keep experts together (together.ts), the hottest load of a layer may be this multiple of the mean. Default: 1.02. */
  slack?: number;
  /** Whether free memory is filled with further replicas, so that steps need fewer frames. Default: false. */
  fill?: boolean;
}

/** Largest difference between equal loads that were summed in different orders. */
const ROUNDING = 1e-12;

/** Throws if the model does not fit. If contiguous placement fits, no layer's hottest load is above that of contiguous placement. */
export function place({ heat, room, replicas = 1, slack = 1.02, fill = false }: PlaceOptions): Layout {
  const { layers, experts } = heat;
  const shards = room.length;
  const shares = sharesOf(heat);
  const seats = seatsOf({ layers, experts, room, replicas });
  const [inOrder = []] = contiguous(heat, shards);
  const packed = shares.map((ofLayer, layer): PackedLayer => {
    const ofSeats = { shares: ofLayer, seats: seats[layer]! };
    const holders = pack({ ...ofSeats, replicas: new Array<number>(experts).fill(replicas) });
    if (holders === undefined) throw new Error(`layer ${layer} cannot be packed into ${seats[layer]} seats`);
    const peak = (each: readonly (readonly number[])[]) => Math.max(...loadsOf(each, ofLayer, shards));
    const settled = replicas === 1 && seated(inOrder, seats[layer]!) ? level(inOrder, ofSeats) : holders;
    return { shares: ofLayer, holders: peak(settled) < peak(holders) ? settled : holders };
  });
  const spare = () => {
    const used = unitsOf(
      packed.map(({ holders }) => holders),
      shards,
    );
    return room.map((units, shard) => units - used[shard]!);
  };
  replicate(packed, spare());
  // Bound of each layer's hottest load: `slack` times the mean load, or the hottest load of contiguous placement if that is less.
  // The bound is never below the present hottest load.
  const bounds = packed.map(({ holders, shares: ofLayer }) => {
    const [peak, before] = [holders, inOrder].map((each) => Math.max(...loadsOf(each, ofLayer, shards)));
    return Math.max(peak!, Math.min(slack / shards, before!)) + ROUNDING;
  });
  if (fill) spread(packed, spare(), bounds);
  const layout = packed.map(({ holders }) => holders);
  if (heat.successors === undefined) return layout;
  together({ layout, successors: heat.successors, shares, bounds, shards });
  return layout;
}

/** True if no shard has more experts than seats. */
function seated(holders: Layout[number], seats: readonly number[]): boolean {
  const left = [...seats];
  for (const ofExpert of holders) for (const shard of ofExpert) left[shard]!--;
  return left.every((count) => count >= 0);
}
