// Equality of JSON values. The order of an object's keys does not matter.
import { isObject } from '../pointer.ts';

const sets = new WeakMap<readonly unknown[], ReadonlySet<unknown>>();

/** The values as a set, which is kept for each list, because lists may be long and each of their values is looked up. */
export function setOf(values: readonly unknown[]): ReadonlySet<unknown> {
  const known = sets.get(values) ?? new Set(values);
  sets.set(values, known);
  return known;
}

/** The same text for equal values: JSON with the keys of objects in order. */
export function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_name, held: unknown) => {
    if (!isObject(held)) return held;
    return Object.fromEntries(Object.entries(held).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
