// Which sequence is admitted next, and which is preempted, if there is no room for all. Tenants are compared by how many of
// their sequences run, divided by weight. Within a tenant the order is first come, first served. Pure.
//
// Worked example with weights of 1 and 4 places, all taken: B has b1 b2 b3 b4 running and b5 waiting; A has a1 waiting. A has
// fewer, so a1 is next. Each tenant's share is 2 places, so b4, B's latest, is preempted. A sequence a2 would then take the
// place of b3, and an a3 would wait.

/** What a sequence says about its tenant. */
export interface Billed {
  tenant: string;
  /** The tenant's weight, above 0. */
  weight: number;
}

/** `waiting` is in the order of the queue. Sequences with a priority below 0 go before those of all tenants. */
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
 * The sequence that is preempted when memory runs out: the latest of the tenant that has most, not counting each tenant's
 * first, so that no tenant loses its only sequence while another has two. `running` is in order of arrival.
 */
export function victimOf<T extends Billed>(running: readonly T[]): T | undefined {
  const held = counted(running);
  return least(running.toReversed(), ({ tenant, weight }) => (1 - (held.get(tenant) ?? 0)) / weight);
}

/**
 * The sequence that is preempted for `next` when all places are taken. Undefined if one more would give the tenant of `next`
 * more than its share, or if no tenant has more than its share. Tenants that only wait count for the shares.
 */
export function victimFor<T extends Billed>(
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

/** The first of the items with the least value. */
function least<T>(items: readonly T[], of: (item: T) => number): T | undefined {
  let found: T | undefined;
  for (const item of items) if (found === undefined || of(item) < of(found)) found = item;
  return found;
}
