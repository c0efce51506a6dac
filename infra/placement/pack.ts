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

/** An exchange of experts has to bring the hottest load down by so much to be worth looking for the next. */
const LEAST_GAIN = 1e-6;

/** Exchanges experts between the hottest shard and others, or moves one where there is a seat, while that makes it cooler. */
export function level(
  holders: readonly (readonly number[])[],
  { shares, seats }: Omit<PackOptions, 'copies'>,
): number[][] {
  const settled = holders.map((shards) => [...shards]);
  const loads = loadsOf(settled, shares, seats.length);
  const free = [...seats];
  for (const shards of settled) for (const shard of shards) free[shard]!--;
  for (;;) {
    const hottest = loads.indexOf(Math.max(...loads));
    let best: { off: number; on: number | undefined; shard: number; peak: number } | undefined;
    for (let shard = 0; shard < seats.length; shard++) {
      if (shard === hottest) continue;
      // What takes the place of an expert that leaves: one that only the other shard has, or nothing.
      const back: (number | undefined)[] = only(settled, shard, hottest);
      if (free[shard]! > 0) back.push(undefined);
      for (const off of only(settled, hottest, shard)) {
        for (const on of back) {
          const moved = sizeOf(off) - (on === undefined ? 0 : sizeOf(on));
          const peak = Math.max(loads[hottest]! - moved, loads[shard]! + moved);
          if (peak < (best?.peak ?? loads[hottest]! - LEAST_GAIN)) best = { off, on, shard, peak };
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
