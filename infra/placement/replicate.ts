// Spends spare memory on further copies of hot experts, a layer at a time, where they cool the hottest shard most. Pure.
import { countsOf, loadsOf } from './layout.ts';
import { pack } from './pack.ts';

/** One layer as it is packed so far. */
export interface PackedLayer {
  /** `[experts]`, of the layer's rows. */
  readonly shares: Float64Array;
  /** `[experts]` → shards, ascending. */
  holders: number[][];
}

/** A way to cool a layer. */
interface Offer {
  holders: number[][];
  /** Units more. */
  copies: number;
  /** By how much the hottest shard's load falls, for each of them. */
  gain: number;
}

/** One copy alone often changes nothing where two shards are as hot; so many are tried together. */
const TOGETHER = 8;
/** Of a layer's rows: a copy that cools the hottest shard by less is not worth its memory. */
const LEAST_GAIN = 5e-4;

/** `spare`: `[shards]`, units that still fit into each. Changes the layers' holders. */
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
      offers[best] = bestOffer(layer, free); // another layer took the room meanwhile
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
  const copies = holders.map((ofExpert) => ofExpert.length);
  let best: Offer | undefined;
  for (let more = 1; more <= TOGETHER; more++) {
    const hottest = largestCopy(shares, copies, shards);
    if (hottest === undefined) break;
    copies[hottest]!++;
    const seats = held.map((units, shard) => units + Math.min(free[shard]!, more));
    const packed = pack({ shares, copies, seats });
    if (packed === undefined) break;
    const gain = (before - Math.max(...loadsOf(packed, shares, shards))) / more;
    if (gain > Math.max(best?.gain ?? 0, LEAST_GAIN)) best = { holders: packed, copies: more, gain };
  }
  return best;
}

/** The expert with the most rows for each of its copies that is not on every shard yet. */
function largestCopy(shares: Float64Array, copies: readonly number[], shards: number): number | undefined {
  let largest: number | undefined;
  for (const [expert, count] of copies.entries()) {
    if (count >= shards) continue;
    if (largest === undefined || shares[expert]! / count > shares[largest]! / copies[largest]!)
      largest = expert;
  }
  return largest;
}

/** `[shards]`, units more. */
function difference(before: number[][], after: number[][], shards: number): number[] {
  const had = countsOf(before, shards);
  return countsOf(after, shards).map((units, shard) => units - had[shard]!);
}
