// The intersection of two shapes, as shapes.
import { isDeepStrictEqual } from 'node:util';
import { ConstraintFault } from '../../fault.ts';
import { type Dfa, everyText, intersection, isEmpty, matches } from '../../language/dfa.ts';
import type { ArrayShape, ObjectShape, OtherNames, Shape } from './shapes.ts';
import { any, never, type Term, type Terms } from './terms.ts';
import type { AmongTest } from './values.ts';

/** Most sets of names of one object. */
const MOST_NAME_SETS = 64;

/** Undefined if the kinds or values differ, because no value then has both shapes. `holds` says whether a value has a shape. */
export function meet(
  a: Shape,
  b: Shape,
  { terms, holds }: { terms: Terms; holds: (value: unknown, shape: Shape) => boolean },
): Shape | undefined {
  const implicit = a.implicit && b.implicit;
  if (a.kind === 'is') return holds(a.value, b) ? a : undefined;
  if (b.kind === 'is') return holds(b.value, a) ? b : undefined;
  if (a.kind === 'object' && b.kind === 'object') return { ...objects(a, b, terms), implicit };
  if (a.kind === 'array' && b.kind === 'array') return { ...arrays(a, b, terms), implicit };
  if (a.kind === 'number' && b.kind === 'number') return { ...a, implicit, tests: joined(a.tests, b.tests) };
  if (a.kind === 'string' && b.kind === 'string') return { ...a, implicit, tests: joined(a.tests, b.tests) };
  if (a.kind === 'boolean' && b.kind === 'boolean') {
    const values = a.values.filter((value) => b.values.includes(value));
    return values.length === 0 ? undefined : { ...a, implicit, values };
  }
  return a.kind === 'null' && b.kind === 'null' ? { ...a, implicit } : undefined;
}

/** The tests of both lists. Tests that list values are joined into one. */
function joined<Test extends { test: string }>(a: readonly Test[], b: readonly Test[]): readonly Test[] {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const all = [...a, ...b.filter((test) => !a.some((own) => isDeepStrictEqual(own, test)))];
  const lists = (negated: boolean) =>
    all.filter((test): test is Test & AmongTest => isAmong(test) && test.negated === negated);
  const [only, not] = [lists(false), lists(true)];
  const first = only[0] ?? not[0];
  if (first === undefined || only.length + not.length < 2) return all;
  const excluded = new Set(not.flatMap(({ values }) => values));
  const kept = only.map(({ values }) => new Set(values));
  const values =
    only.length === 0
      ? [...excluded]
      : first.values.filter((value) => !excluded.has(value) && kept.every((set) => set.has(value)));
  const among = { ...first, values };
  return [among, ...all.filter((test) => !isAmong(test))];
}

function isAmong(test: { test: string }): test is AmongTest {
  return test.test === 'among';
}

function objects(a: ObjectShape, b: ObjectShape, terms: Terms): ObjectShape {
  const properties = new Map<string, Term>();
  for (const name of new Set([...a.properties.keys(), ...b.properties.keys()])) {
    properties.set(name, terms.all(propertyTerm(a, name), propertyTerm(b, name)));
  }
  return {
    kind: 'object',
    implicit: false,
    properties,
    others: otherNames(a.others, b.others, terms),
    required: a.required.size === 0 ? b.required : new Set([...a.required, ...b.required]),
    least: Math.max(a.least, b.least),
    most: Math.min(a.most, b.most),
    some: [...a.some, ...b.some],
  };
}

/** The term that the value of a property with this name must satisfy. */
export function propertyTerm({ properties, others }: ObjectShape, name: string): Term {
  return (
    properties.get(name) ??
    others.find(({ names }) => names === everyText || matches(names, name))?.term ??
    never
  );
}

/** The intersections of each set of `a` with each set of `b`. */
export function otherNames(
  a: readonly OtherNames[],
  b: readonly OtherNames[],
  terms: Terms,
): readonly OtherNames[] {
  if (isOpen(a)) return b;
  if (isOpen(b)) return a;
  const parted = a.flatMap((one) =>
    b.flatMap((other): OtherNames[] => {
      const names: Dfa = intersection(one.names, other.names);
      if (isEmpty(names)) return [];
      return [{ names, term: terms.all(one.term, other.term), implicit: one.implicit && other.implicit }];
    }),
  );
  if (parted.length > MOST_NAME_SETS) {
    throw new ConstraintFault(
      `its patterns part the names of properties into more than ${MOST_NAME_SETS} sets`,
    );
  }
  return parted;
}

function isOpen([only, ...more]: readonly OtherNames[]): boolean {
  return more.length === 0 && only?.names === everyText && only.term === any && only.implicit;
}

function arrays(a: ArrayShape, b: ArrayShape, terms: Terms): ArrayShape {
  const length = Math.max(a.prefix.length, b.prefix.length);
  return {
    kind: 'array',
    implicit: false,
    prefix: Array.from({ length }, (_, i) => terms.all(a.prefix[i] ?? a.rest, b.prefix[i] ?? b.rest)),
    rest: terms.all(a.rest, b.rest),
    restImplicit: a.restImplicit && b.restImplicit,
    least: Math.max(a.least, b.least),
    most: Math.min(a.most, b.most),
    some: [...a.some, ...b.some],
    unique: a.unique ?? b.unique,
  };
}
