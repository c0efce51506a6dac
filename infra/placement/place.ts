// Heat and rooms to a layout: balanced, hot experts on more shards where there is memory, followers together. Pure and
// deterministic.
import { type Heat, sharesOf } from './heat.ts';
import { contiguous, type Layout, loadsOf, unitsOf } from './layout.ts';
import { level, pack } from './pack.ts';
import { type PackedLayer, replicate } from './replicate.ts';
import { seatsOf } from './seats.ts';
import { spread } from './spread.ts';
import { together } from './together.ts';

export interface PlaceOptions {
  heat: Heat;
  /** `[shards]`, units that fit into each. */
  room: readonly number[];
  /** Shards that hold each unit, at least. */
  replicas?: number;
  /** For the sake of followers the hottest shard of a layer may have so many times the mean. */
  slack?: number;
  /** Use memory that balance does not need, for fewer frames. */
  fill?: boolean;
}

/** Of a load that is the same sum in another order. */
const ROUNDING = 1e-12;

/** Throws where the model does not fit. No layer's hottest load is above contiguous placement's, where that fits. */
export function place({ heat, room, replicas = 1, slack = 1.02, fill = false }: PlaceOptions): Layout {
  const { layers, experts } = heat;
  const shards = room.length;
  const shares = sharesOf(heat);
  const seats = seatsOf({ layers, experts, room, replicas });
  const [inOrder = []] = contiguous(heat, shards);
  const packed = shares.map((ofLayer, layer): PackedLayer => {
    const ofSeats = { shares: ofLayer, seats: seats[layer]! };
    const holders = pack({ ...ofSeats, copies: new Array<number>(experts).fill(replicas) });
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
  // Of the largest load: the slack, but never more than contiguous placement has, nor less than there is.
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

/** Whether no shard has more experts than seats. */
function seated(holders: Layout[number], seats: readonly number[]): boolean {
  const left = [...seats];
  for (const ofExpert of holders) for (const shard of ofExpert) left[shard]!--;
  return left.every((count) => count >= 0);
}
