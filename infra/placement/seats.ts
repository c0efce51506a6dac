// Computes how many experts of each layer a shard holds (its seats), before further replicas use the free memory. Pure.
import { contiguousSizes } from './layout.ts';

interface SeatOptions {
  layers: number;
  /** Number of experts in each layer. */
  experts: number;
  /** `[shards]`, units that fit into each shard. */
  room: readonly number[];
  /** Number of replicas of each unit. */
  replicas: number;
}

/**
 * `[layers][shards]`: every layer has `experts * replicas` seats, at most `experts` of them on one shard. All seats of a shard fit
 * into its room. Shards have equal numbers of seats as far as their rooms allow. Throws if there is too little room.
 */
export function seatsOf({ layers, experts, room, replicas }: SeatOptions): number[][] {
  const shards = room.length;
  if (replicas > shards) {
    throw new RangeError(`${replicas} replicas need as many shards; there are ${shards}`);
  }
  const most = room.map((units) => Math.min(units, layers * experts));
  const wanted = layers * experts * replicas;
  const there = most.reduce((sum, units) => sum + units, 0);
  if (there < wanted) {
    const times = replicas === 1 ? '' : ` ${replicas} times`;
    throw new RangeError(
      `the model's ${layers * experts} experts do not fit${times}: the shards have room for ${there} of ${wanted}`,
    );
  }
  const sizes = contiguousSizes(experts, shards);
  if (replicas === 1 && sizes.every((size, shard) => size * layers <= most[shard]!)) {
    return Array.from({ length: layers }, () => [...sizes]);
  }
  const left = evenly(most, wanted);
  return Array.from({ length: layers }, (_, layer) => {
    // A shard's remaining units are divided by the number of remaining layers, and rounded so that the layer's seats add up.
    const seats = left.map((units) => Math.floor(units / (layers - layer)));
    let short = experts * replicas - seats.reduce((sum, count) => sum + count, 0);
    const rests = left.map((units, shard) => ({ shard, rest: units % (layers - layer) }));
    for (const { shard } of rests.sort((a, b) => b.rest - a.rest || a.shard - b.shard)) {
      if (short-- <= 0) break;
      seats[shard]!++;
    }
    seats.forEach((count, shard) => {
      left[shard]! -= count;
    });
    return seats;
  });
}

/** Divides the number `wanted` as evenly as possible into one part for each entry of `most`. No part exceeds its entry. */
function evenly(most: readonly number[], wanted: number): number[] {
  const dealt = most.map(() => 0);
  for (let left = wanted; left > 0; ) {
    const open = most.flatMap((units, shard) => (dealt[shard]! < units ? [shard] : []));
    const each = Math.floor(left / open.length);
    for (const shard of open) {
      const count = Math.min(Math.max(each, 1), most[shard]! - dealt[shard]!, left);
      dealt[shard]! += count;
      left -= count;
    }
  }
  return dealt;
}
