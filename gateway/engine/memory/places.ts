// Whose turn it is to come in, and who gives way, where there is not room for all. Between owners it counts sequences that
// run, by weight; within one it is first come, first served. Pure.
//
// Worked example, weights 1, all 4 places taken: B has b1 b2 b3 b4 running and b5 waiting, A has a1 waiting. A has fewer, so
// a1 is next. Of 4 places 2 are A's and 2 are B's: b4, the latest, gives way to it. Then b4 and b5 wait, and a2 if it comes
// takes the place of b3; an a3 would wait.

/** Of a sequence. */
export interface Tenant {
  owner: string;
  /** The owner's, above 0. */
  weight: number;
}

/** `waiting` in the order of the queue; those that may not enter yet are passed over. Priorities below 0 go before all owners. */
export function nextIn<T extends Tenant & { priority: number }>(
  waiting: readonly T[],
  running: readonly Tenant[],
  mayEnter: (each: T) => boolean = () => true,
): T | undefined {
  const held = counted(running);
  const first = new Map<string, T>();
  for (const each of waiting) if (!first.has(each.owner) && mayEnter(each)) first.set(each.owner, each);
  const heads = [...first.values()];
  const urgent = heads.filter(({ priority }) => priority < 0);
  return least(urgent.length > 0 ? urgent : heads, ({ owner, weight }) => (held.get(owner) ?? 0) / weight);
}

/**
 * The one that gives way where memory runs out: the latest of the owner that has most, its first one not counted, so that
 * nobody loses its only one while others have two. `running` in order of arrival.
 */
export function givesWay<T extends Tenant>(running: readonly T[]): T | undefined {
  const held = counted(running);
  return least(running.toReversed(), ({ owner, weight }) => (1 - (held.get(owner) ?? 0)) / weight);
}

/**
 * The one that gives way to `next` where all places are taken; undefined where its owner has its share, or would have more
 * than it, or nobody has more than its own. `waiting` count with their owners.
 */
export function makesRoom<T extends Tenant>(
  next: Tenant,
  running: readonly T[],
  waiting: readonly Tenant[],
): T | undefined {
  const held = counted(running);
  const weights = new Map([...running, ...waiting, next].map(({ owner, weight }) => [owner, weight]));
  let total = 0;
  for (const weight of weights.values()) total += weight;
  const above = ({ owner, weight }: Tenant) => (held.get(owner) ?? 0) - (running.length * weight) / total;
  if (above(next) > -1) return undefined;
  return least(
    running.toReversed().filter((each) => above(each) >= 1),
    (each) => -above(each),
  );
}

function counted(tenants: readonly Tenant[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { owner } of tenants) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}

/** The first of the least. */
function least<T>(items: readonly T[], of: (item: T) => number): T | undefined {
  let found: T | undefined;
  for (const item of items) if (found === undefined || of(item) < of(found)) found = item;
  return found;
}
