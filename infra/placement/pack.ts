// Packs one layer's experts onto shards so that the loads of the shards are about equal. Pure.
import { loadsOf } from './layout.ts';

interface PackOptions {
  /** `[experts]`, shares of the layer's rows. */
  shares: Float64Array;
  /** `[experts]`, number of replicas of each expert. */
  replicas: readonly number[];
  /** `[shards]`, most experts of the layer on each shard. */
  seats: readonly number[];
}

/** `[experts]` → shards, ascending; undefined if there are not enough seats. */
export function pack(options: PackOptions): number[][] | undefined {
  const { replicas, shares } = options;
  const sizes = shares.map((share, expert) => share / replicas[expert]!);
  const experts = Array.from(shares, (_, expert) => expert);
  // Deals out the experts whose replicas get the largest shares first, each expert to the shards with the least load.
  const bySize = experts.toSorted((a, b) => sizes[b]! - sizes[a]! || a - b);
  const packed = deal(options, sizes, bySize, (load, _left) => load);
  if (packed !== undefined) return level(packed, options);
  // Too few shards were left for an expert's replicas. The following order finds a solution if there is one: experts with the
  // most replicas first, each to the shards with the most seats left.
  const byReplicas = experts.toSorted(
    (a, b) => replicas[b]! - replicas[a]! || sizes[b]! - sizes[a]! || a - b,
  );
  const fitted = deal(options, sizes, byReplicas, (_load, left) => -left);
  return fitted === undefined ? undefined : level(fitted, options);
}

function deal(
  { replicas, seats }: PackOptions,
  sizes: Float64Array,
  order: readonly number[],
  keyOf: (load: number, left: number) => number,
): number[][] | undefined {
  const left = [...seats];
  const loads = seats.map(() => 0);
  const holders = Array.from(sizes, (): number[] => []);
  for (const expert of order) {
    const open = left.flatMap((count, shard) => (count > 0 ? [shard] : []));
    const wanted = replicas[expert]!;
    if (open.length < wanted) return undefined;
    open.sort(
      (a, b) => keyOf(loads[a]!, left[a]!) - keyOf(loads[b]!, left[b]!) || loads[a]! - loads[b]! || a - b,
    );
    const chosen = open.slice(0, wanted).sort((a, b) => a - b);
    for (const shard of chosen) {
      left[shard]!--;
      loads[shard]! += sizes[expert]!;
    }
    holders[expert] = chosen;
  }
  return holders;
}

/** The search ends when no exchange lowers the hottest load by at least this share of the mean load. */
const LEAST_GAIN = 1e-4;

/** Lowers the hottest load as far as possible: moves experts of the hottest shard to free seats, or swaps them. */
export function level(
  holders: readonly (readonly number[])[],
  { shares, seats }: Omit<PackOptions, 'replicas'>,
): number[][] {
  const settled = holders.map((shards) => [...shards]);
  const loads = loadsOf(settled, shares, seats.length);
  const free = [...seats];
  for (const shards of settled) for (const shard of shards) free[shard]!--;
  const leastGain = LEAST_GAIN / seats.length;
  for (;;) {
    const hottest = loads.indexOf(Math.max(...loads));
    let best: { off: number; on: number | undefined; shard: number; peak: number } | undefined;
    for (let shard = 0; shard < seats.length; shard++) {
      if (shard === hottest) continue;
      const half = (loads[hottest]! - loads[shard]!) / 2;
      if (loads[hottest]! - half >= (best?.peak ?? loads[hottest]! - leastGain)) continue;
      // Candidates for the exchange, by size (load of one replica): experts that only the other shard has, and no expert at all if
      // the other shard has a free seat.
      const back: { expert: number | undefined; size: number }[] = only(settled, shard, hottest)
        .map((expert) => ({ expert, size: sizeOf(expert) }))
        .sort((a, b) => a.size - b.size);
      if (free[shard]! > 0) back.unshift({ expert: undefined, size: 0 });
      for (const off of only(settled, hottest, shard)) {
        // Moving half of the difference of the loads would make them equal, so the two candidates nearest to it are tried.
        const after = firstOfSize(back, sizeOf(off) - half);
        for (const { expert: on, size } of back.slice(Math.max(0, after - 1), after + 1)) {
          const moved = sizeOf(off) - size;
          const peak = Math.max(loads[hottest]! - moved, loads[shard]! + moved);
          if (peak < (best?.peak ?? loads[hottest]! - leastGain)) best = { off, on, shard, peak };
        }
      }
    }
    if (best === undefined) return settled;
    const { off, on, shard } = best;
    move(off, hottest, shard);
    if (on !== undefined) move(on, shard, hottest);
  }

  function sizeOf(expert: number): number {
    return shares[expert]! / settled[expert]!.length;
  }

  function move(expert: number, from: number, to: number): void {
    replace(settled[expert]!, from, to);
    loads[from]! -= sizeOf(expert);
    loads[to]! += sizeOf(expert);
    free[from]!++;
    free[to]!--;
  }
}

/** Index of the first size that is at least `least`; the number of sizes if there is none. `sizes` must ascend. */
function firstOfSize(sizes: readonly { size: number }[], least: number): number {
  let [low, high] = [0, sizes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sizes[middle]!.size < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Experts that the shard `on` holds and the shard `notOn` does not. */
export function only(holders: readonly (readonly number[])[], on: number, notOn: number): number[] {
  const found: number[] = [];
  holders.forEach((shards, expert) => {
    if (shards.includes(on) && !shards.includes(notOn)) found.push(expert);
  });
  return found;
}

export function replace(shards: number[], from: number, to: number): void {
  shards[shards.indexOf(from)] = to;
  shards.sort((a, b) => a - b);
}
