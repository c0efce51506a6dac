// Whose turn it is to come in, and who gives way, where there is not room for all. Between tenants it counts sequences that
// run, by weight; within one it is first come, first served. Pure.
//
// Worked example, weights 1, all 4 places taken: B has b1 b2 b3 b4 running and b5 waiting, A has a1 waiting. A has fewer, so
// a1 is next. Of 4 places 2 are A's and 2 are B's: b4, the latest, gives way to it. Then b4 and b5 wait, and a2 if it comes
// takes the place of b3; an a3 would wait.

/** Of a sequence. */
export interface Billed {
  tenant: string;
  /** The tenant's, above 0. */
  weight: number;
}

/** `waiting` in the order of the queue; those that may not enter yet are passed over. Priorities below 0 go before all tenants. */
export function nextIn<T extends Billed & { priority: number }>(
  waiting: readonly T[],
  running: readonly Billed[],
  mayEnter: (each: T) => boolean = () => true,
): T | undefined {
  const held = counted(running);
  const first = new Map<string, T>();
  for (const each of waiting) if (!first.has(each.tenant) && mayEnter(each)) first.set(each.tenant, each);
  const heads = [...first.values()];
  const urgent = heads.filter(({ priority }) => priority < 0);
  return least(urgent.length > 0 ? urgent : heads, ({ tenant, weight }) => (held.get(tenant) ?? 0) / weight);
}

/**
 * The one that gives way where memory runs out: the latest of the tenant that has most, its first one not counted, so that
 * nobody loses its only one while others have two. `running` in order of arrival.
 */
export function givesWay<T extends Billed>(running: readonly T[]): T | undefined {
  const held = counted(running);
  return least(running.toReversed(), ({ tenant, weight }) => (1 - (held.get(tenant) ?? 0)) / weight);
}

/**
 * The one that gives way to `next` where all places are taken; undefined where its tenant has its share, or would have more
 * than it, or nobody has more than its own. `waiting` count with their tenants.
 */
export function makesRoom<T extends Billed>(
  next: Billed,
  running: readonly T[],
  waiting: readonly Billed[],
): T | undefined {
  const held = counted(running);
  const weights = new Map([...running, ...waiting, next].map(({ tenant, weight }) => [tenant, weight]));
  let total = 0;
  for (const weight of weights.values()) total += weight;
  const above = ({ tenant, weight }: Billed) => (held.get(tenant) ?? 0) - (running.length * weight) / total;
  if (above(next) > -1) return undefined;
  return least(
    running.toReversed().filter((each) => above(each) >= 1),
    (each) => -above(each),
  );
}

function counted(tenants: readonly Billed[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { tenant } of tenants) counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
  return counts;
}

/** The first of the least. */
function least<T>(items: readonly T[], of: (item: T) => number): T | undefined {
  let found: T | undefined;
  for (const item of items) if (found === undefined || of(item) < of(found)) found = item;
  return found;
}
