// Finds, counts and samples the units within the ranges that a shard holds. Pure.
import type { HoldingRange } from '../../experts/runs.ts';

export interface Unit {
  layer: number;
  expert: number;
}

/** The held unit with index `nth` modulo the number of held units; undefined if no unit is held. */
export function unitAt(holdings: readonly HoldingRange[], nth: number): Unit | undefined {
  const count = unitsIn(holdings);
  if (count === 0) return undefined;
  let left = nth % count;
  for (const [layer, first, last] of holdings) {
    if (left <= last - first) return { layer, expert: first + left };
    left -= last - first + 1;
  }
  return undefined;
}

export function holds(holdings: readonly HoldingRange[], { layer, expert }: Unit): boolean {
  return holdings.some(([of, first, last]) => of === layer && first <= expert && expert <= last);
}

export function unitsIn(holdings: readonly HoldingRange[]): number {
  return holdings.reduce((sum, [, first, last]) => sum + last - first + 1, 0);
}

/** Picks `count` of the held units, evenly spread, or all if there are fewer. `random`, in [0, 1), decides the first unit. */
export function sampleUnits(holdings: readonly HoldingRange[], count: number, random: number): Unit[] {
  const all = unitsIn(holdings);
  const from = Math.floor(random * all);
  const taken = Math.min(count, all);
  return Array.from({ length: taken }, (_, i) =>
    unitAt(holdings, from + Math.floor((i * all) / taken)),
  ).filter((unit) => unit !== undefined);
}
