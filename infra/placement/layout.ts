// Layouts say which shards, by number, hold each unit. Computes the loads of shards. Pure.
//
// Example: two shards, and one layer of three experts with shares 0.6, 0.3 and 0.1. Both shards hold expert 0; shard 1 holds all:
//   layout = [[[0, 1], [1], [1]]]      loads = [[0.3, 0.7]]      hottest / mean = 0.7 / 0.5

/** `[layers][experts]` → shards that hold the unit, ascending. */
export type Layout = readonly (readonly (readonly number[])[])[];

/** `[shards]`, each shard's share of the layer's rows. The replicas of a unit get equal parts of its rows. */
export function loadsOf(
  holders: Layout[number],
  shares: ArrayLike<number>,
  shards: number,
): Float64Array<ArrayBuffer> {
  const loads = new Float64Array(shards);
  holders.forEach((ofExpert, expert) => {
    for (const shard of ofExpert) loads[shard]! += shares[expert]! / ofExpert.length;
  });
  return loads;
}

/** The hottest shard's load divided by the mean load; 1 if all loads are equal. `loads` must add up to 1. */
export function hottestOf(loads: Float64Array): number {
  return Math.max(...loads) * loads.length;
}

/** `[shards]`, units of one layer on each shard. */
export function countsOf(holders: Layout[number], shards: number): number[] {
  const counts = new Array<number>(shards).fill(0);
  for (const ofExpert of holders) for (const shard of ofExpert) counts[shard]!++;
  return counts;
}

/** `[shards]`, units of all layers on each shard. */
export function unitsOf(layout: Layout, shards: number): number[] {
  return countsOf(layout.flat(), shards);
}

/** The layout that `up` uses without a placement: each shard holds consecutive experts, the same in every layer. */
export function contiguous({ layers, experts }: { layers: number; experts: number }, shards: number): Layout {
  const holders = contiguousSizes(experts, shards).flatMap((size, shard) =>
    new Array<number[]>(size).fill([shard]),
  );
  return new Array(layers).fill(holders);
}

/** `[shards]`, experts of each layer on each shard. The numbers differ by at most one. */
export function contiguousSizes(experts: number, shards: number): number[] {
  const bound = (shard: number) => Math.floor((shard * experts) / shards);
  return Array.from({ length: shards }, (_, shard) => bound(shard + 1) - bound(shard));
}
