// One layer's experts onto shards with equal loads. Pure; knows one layer and its seats.
import { loadsOf } from './layout.ts';

export interface PackOptions {
  /** `[experts]`, of the layer's rows. */
  shares: Float64Array;
  /** `[experts]`, shards that each is to be on. */
  copies: readonly number[];
  /** `[shards]`, experts that fit, at most. */
  seats: readonly number[];
}

/** `[experts]` → shards, ascending; undefined where the seats do not allow it. */
export function pack(options: PackOptions): number[][] | undefined {
  const { copies, shares } = options;
  const sizes = shares.map((share, expert) => share / copies[expert]!);
  const experts = Array.from(shares, (_, expert) => expert);
  // The largest first, each where there is least yet.
  const bySize = experts.toSorted((a, b) => sizes[b]! - sizes[a]! || a - b);
  const packed = deal(options, sizes, bySize, (load, _left) => load);
  if (packed !== undefined) return level(packed, options);
  // That ended with too few shards left for an expert's copies. Where any way exists, this one does: most copies first,
  // each on the shards with most seats left.
  const byCopies = experts.toSorted((a, b) => copies[b]! - copies[a]! || sizes[b]! - sizes[a]! || a - b);
  const fitted = deal(options, sizes, byCopies, (_load, left) => -left);
  return fitted === undefined ? undefined : level(fitted, options);
}

function deal(
  { copies, seats }: PackOptions,
  sizes: Float64Array,
  order: readonly number[],
  keyOf: (load: number, left: number) => number,
): number[][] | undefined {
  const left = [...seats];
  const loads = seats.map(() => 0);
  const holders: number[][] = sizes.length === 0 ? [] : Array.from(sizes, () => []);
  for (const expert of order) {
    const open = left.flatMap((count, shard) => (count > 0 ? [shard] : []));
    const wanted = copies[expert]!;
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

/** Of the mean load: an exchange that cools the hottest shard by less is not worth looking for. */
const LEAST_GAIN = 1e-4;

/** Exchanges experts between the hottest shard and others, or moves one where there is a seat, while that makes it cooler. */
export function level(
  holders: readonly (readonly number[])[],
  { shares, seats }: Omit<PackOptions, 'copies'>,
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
      // What may take the place of an expert that leaves, by size: one that only the other shard has, or nothing.
      const back: { expert: number | undefined; size: number }[] = only(settled, shard, hottest)
        .map((expert) => ({ expert, size: sizeOf(expert) }))
        .sort((a, b) => a.size - b.size);
      if (free[shard]! > 0) back.unshift({ expert: undefined, size: 0 });
      for (const off of only(settled, hottest, shard)) {
        // Both are as hot afterwards where half of what parts them moves: the nearest two sizes are tried.
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

/** Index of the first that is at least so large; their number where none is. `sizes` ascend. */
function firstOfSize(sizes: readonly { size: number }[], least: number): number {
  let [low, high] = [0, sizes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sizes[middle]!.size < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Experts that are on one shard and not on another. */
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
