// Equality of JSON values, in which the order of an object's keys does not matter, and tests that list values.
import { weaklyKept } from '../../kept.ts';
import { isObject } from '../pointer.ts';

/** The values as a set. The set is kept for each list, because lists may be long and many values are looked up in each. */
export const setOf = weaklyKept((values: readonly unknown[]): ReadonlySet<unknown> => new Set(values));

/** A test that only the values of a list pass, or all other values if `negated`. */
export interface AmongTest<Value = unknown> {
  test: 'among';
  values: readonly Value[];
  negated: boolean;
}

/** The values that a test lists as the only ones that pass. Undefined if there is no such test. */
export function listedValues<Value>(
  tests: readonly (AmongTest<Value> | { test: unknown })[],
): readonly Value[] | undefined {
  return tests.find(
    (test): test is AmongTest<Value> => test.test === 'among' && !('negated' in test && test.negated),
  )?.values;
}

/** The same text for equal values: JSON with the keys of objects in order. */
export function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_name, held: unknown) => {
    if (!isObject(held)) return held;
    return Object.fromEntries(Object.entries(held).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
