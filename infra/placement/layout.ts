// Which shards (by number) hold each unit, and the load that results. Pure.
//
// Example: two shards, one layer of three experts with shares 0.6, 0.3, 0.1; expert 0 on both, the others on shard 1:
//   layout = [[[0, 1], [1], [1]]]      loads = [[0.3, 0.7]]      hottest / mean = 0.7 / 0.5

/** `[layers][experts]` → shards that hold the unit, ascending. */
export type Layout = readonly (readonly (readonly number[])[])[];

/** `[shards]`, each shard's share of the layer's rows; replicas share a unit's rows evenly. */
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

/** The hottest shard's load divided by the mean: 1 is balanced. The loads of a layer add up to 1. */
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

/** Experts of every layer in order, in parts whose sizes differ by at most one, as `up` splits them without a placement. */
export function contiguous({ layers, experts }: { layers: number; experts: number }, shards: number): Layout {
  const holders = contiguousSizes(experts, shards).flatMap((size, shard) =>
    new Array<number[]>(size).fill([shard]),
  );
  return new Array(layers).fill(holders);
}

/** `[shards]`, experts of each layer on each shard. */
export function contiguousSizes(experts: number, shards: number): number[] {
  const bound = (shard: number) => Math.floor((shard * experts) / shards);
  return Array.from({ length: shards }, (_, shard) => bound(shard + 1) - bound(shard));
}
