// Equality of JSON values. The order of an object's keys does not matter.
import { weaklyKept } from '../../kept.ts';
import { isObject } from '../pointer.ts';

/** The values as a set. The set is kept for each list, because lists may be long and each of their values is looked up. */
export const setOf = weaklyKept((values: readonly unknown[]): ReadonlySet<unknown> => new Set(values));

/** The same text for equal values: JSON with the keys of objects in order. */
export function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_name, held: unknown) => {
    if (!isObject(held)) return held;
    return Object.fromEntries(Object.entries(held).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
