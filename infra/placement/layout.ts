// Which shards hold each unit, by number, and the load that follows from it. Pure; knows no names and no memory.
//
// Worked example: two shards, one layer of three experts with shares 0.6, 0.3, 0.1; expert 0 on both, the others on shard 1:
//   layout = [[[0, 1], [1], [1]]]      loads = [[0.3, 0.7]]      hottest / mean = 0.7 / 0.5

/** `[layers][experts]` → shards that hold the unit, ascending. */
export type Layout = readonly (readonly (readonly number[])[])[];

/** `[shards]`, of a layer's rows, where replicas share evenly. */
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

/** The hottest shard's load over the mean: 1 is balanced. Loads of a layer add up to 1. */
export function hottestOf(loads: Float64Array): number {
  return Math.max(...loads) * loads.length;
}

/** `[shards]`, units of a layer. */
export function countsOf(holders: Layout[number], shards: number): number[] {
  const counts = new Array<number>(shards).fill(0);
  for (const ofExpert of holders) for (const shard of ofExpert) counts[shard]!++;
  return counts;
}

/** `[shards]`, units of all layers. */
export function unitsOf(layout: Layout, shards: number): number[] {
  return countsOf(layout.flat(), shards);
}

/** Experts of every layer in order, sizes that differ by one at most: what `up` and a bare split give. */
export function contiguous({ layers, experts }: { layers: number; experts: number }, shards: number): Layout {
  const holders = contiguousSizes(experts, shards).flatMap((size, shard) =>
    new Array<number[]>(size).fill([shard]),
  );
  return new Array(layers).fill(holders);
}

/** `[shards]`, experts of a layer. */
export function contiguousSizes(experts: number, shards: number): number[] {
  const bound = (shard: number) => Math.floor((shard * experts) / shards);
  return Array.from({ length: shards }, (_, shard) => bound(shard + 1) - bound(shard));
}
