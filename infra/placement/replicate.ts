// Uses free memory for further replicas of hot experts, in the layers in which they lower the hottest load most. Pure.
import { countsOf, loadsOf } from './layout.ts';
import { pack } from './pack.ts';

/** One layer of a layout that is being made. */
export interface PackedLayer {
  /** `[experts]`, shares of the layer's rows. */
  readonly shares: Float64Array;
  /** `[experts]` → shards, ascending. */
  holders: number[][];
}

/** A way to lower the hottest load of a layer. */
interface Offer {
  holders: number[][];
  /** By how much the hottest load falls, divided by the number of further replicas. */
  gain: number;
}

/** Most further replicas that are tried together. If two shards are equally hot, a single replica may change nothing. */
const TOGETHER = 8;
/** Offers with a smaller gain are not worth the memory. */
const LEAST_GAIN = 5e-4;

/** `spare`: `[shards]`, units that still fit into each shard. Changes the layers' holders. */
export function replicate(layers: readonly PackedLayer[], spare: readonly number[]): void {
  const free = [...spare];
  const offers = layers.map((layer) => bestOffer(layer, free));
  for (;;) {
    let best: number | undefined;
    for (const [index, offer] of offers.entries()) {
      if (offer !== undefined && offer.gain > (best === undefined ? 0 : offers[best]!.gain)) best = index;
    }
    if (best === undefined) return;
    const layer = layers[best]!;
    const change = difference(layer.holders, offers[best]!.holders, free.length);
    if (change.some((units, shard) => units > free[shard]!)) {
      offers[best] = bestOffer(layer, free); // another layer has taken the memory
      continue;
    }
    change.forEach((units, shard) => {
      free[shard]! -= units;
    });
    layer.holders = offers[best]!.holders;
    offers[best] = bestOffer(layer, free);
  }
}

function bestOffer({ shares, holders }: PackedLayer, free: readonly number[]): Offer | undefined {
  const shards = free.length;
  const before = Math.max(...loadsOf(holders, shares, shards));
  const held = countsOf(holders, shards);
  const replicas = holders.map((ofExpert) => ofExpert.length);
  let best: Offer | undefined;
  for (let more = 1; more <= TOGETHER; more++) {
    const hottest = hottestReplica(shares, replicas, shards);
    if (hottest === undefined) break;
    replicas[hottest]!++;
    const seats = held.map((units, shard) => units + Math.min(free[shard]!, more));
    const packed = pack({ shares, replicas, seats });
    if (packed === undefined) break;
    const gain = (before - Math.max(...loadsOf(packed, shares, shards))) / more;
    if (gain > Math.max(best?.gain ?? 0, LEAST_GAIN)) best = { holders: packed, gain };
  }
  return best;
}

/** Of the experts that are not on every shard yet, the one with the largest share of rows per replica. */
function hottestReplica(
  shares: Float64Array,
  replicas: readonly number[],
  shards: number,
): number | undefined {
  let largest: number | undefined;
  for (const [expert, count] of replicas.entries()) {
    if (count >= shards) continue;
    if (largest === undefined || shares[expert]! / count > shares[largest]! / replicas[largest]!)
      largest = expert;
  }
  return largest;
}

/** `[shards]`, further units on each shard. */
function difference(before: number[][], after: number[][], shards: number): number[] {
  const had = countsOf(before, shards);
  return countsOf(after, shards).map((units, shard) => units - had[shard]!);
}
