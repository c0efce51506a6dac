// Decides which sequence is admitted next, and which is preempted if there is not enough room. Tenants are compared by the
// number of their running sequences, divided by weight. Within a tenant, the order is first come, first served. Pure.
//
// Worked example: tenants A and B have weight 1, and there are 4 places, all taken by B's b1 b2 b3 b4; b5 and A's a1 wait. A
// runs fewer sequences, so a1 is next. Each tenant's share is 2 places, so b4, B's latest, is preempted for a1. If A then had
// a2 and a3 waiting, a2 would take the place of b3, and a3 would wait.

/** The tenant of a sequence. */
export interface Billed {
  tenant: string;
  /** The tenant's weight, above 0. */
  weight: number;
}

/**
 * The sequence to admit next; undefined if none may enter. `waiting` is in queue order. Sequences with a priority below 0 go
 * before all others, whatever their tenants.
 */
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
 * The sequence to preempt when memory runs out: the last admitted one of the tenant with most sequences. A tenant's first
 * sequence is not counted, so no tenant loses its only sequence while another has two. `running` is in order of admission.
 */
export function victimOf<T extends Billed>(running: readonly T[]): T | undefined {
  const held = counted(running);
  return least(running.toReversed(), ({ tenant, weight }) => (1 - (held.get(tenant) ?? 0)) / weight);
}

/**
 * The sequence to preempt for `next` when all places are taken. Undefined if one more sequence would give the tenant of `next`
 * more than its share, or if no tenant has more than its share. A tenant with only waiting sequences has a share as well.
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

/** The item with the lowest value; among equals the first. */
function least<T>(items: readonly T[], value: (item: T) => number): T | undefined {
  let found: T | undefined;
  for (const item of items) if (found === undefined || value(item) < value(found)) found = item;
  return found;
}
