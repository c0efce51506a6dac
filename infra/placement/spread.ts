// Fills free memory with further replicas of hot experts, so that steps need fewer frames: a row whose expert is on many shards
// can join a frame that is sent anyway. Pure.
import { countsOf, loadsOf } from './layout.ts';
import { pack } from './pack.ts';
import type { PackedLayer } from './replicate.ts';

/**
 * `spare`: `[shards]`, units that still fit into each shard; divided evenly among the layers. `bounds`: `[layers]`, largest load of
 * a shard. A layer that would exceed its bound is not changed. Changes the holders of the other layers.
 */
export function spread(
  layers: readonly PackedLayer[],
  spare: readonly number[],
  bounds: readonly number[],
): void {
  const free = [...spare];
  layers.forEach((layer, index) => {
    const { shares, holders } = layer;
    const ofLayer = free.map((units) => Math.floor(units / (layers.length - index)));
    const held = countsOf(holders, free.length);
    const seats = held.map((units, shard) => Math.min(units + ofLayer[shard]!, shares.length));
    const more = seats.reduce((sum, units, shard) => sum + units - held[shard]!, 0);
    const replicas = further(shares, holders, more, free.length);
    const packed = pack({ shares, replicas, seats });
    if (packed === undefined) return;
    if (loadsOf(packed, shares, free.length).some((load) => load > bounds[index]!)) return;
    countsOf(packed, free.length).forEach((units, shard) => {
      free[shard]! -= units - held[shard]!;
    });
    layer.holders = packed;
  });
}

/** `[experts]`, numbers of replicas after `more` were added, one by one, to the hottest of the experts with fewest replicas. */
function further(
  shares: Float64Array,
  holders: readonly (readonly number[])[],
  more: number,
  shards: number,
): number[] {
  const replicas = holders.map((ofExpert) => ofExpert.length);
  const byShare = replicas.map((_, expert) => expert).sort((a, b) => shares[b]! - shares[a]! || a - b);
  let left = more;
  for (let count = 1; count < shards; count++) {
    for (const expert of byShare) {
      if (left === 0) return replicas;
      if (replicas[expert] !== count) continue;
      replicas[expert]!++;
      left--;
    }
  }
  return replicas;
}
