// Simple questions about shapes: whether they cover all values, whether no value has one, whether two are the same.
import { isDeepStrictEqual } from 'node:util';
import { type Dfa, difference, isEmpty, listed, matches } from '../../language/dfa.ts';
import { kinds } from '../keywords.ts';
import { hasNumber, type NumberTest, numberTexts } from '../numbers.ts';
import { noneOf, valuesAmong } from '../texts.ts';
import { propertyTerm } from './meet.ts';
import { anyArray, anyBoolean, anyObject, type ObjectShape, type Shape } from './shapes.ts';
import type { Term, Terms } from './terms.ts';

/** Joining objects takes longer the more properties they declare. */
export function costOf(...shapes: readonly Shape[]): number {
  const properties = shapes.map((shape) => (shape.kind === 'object' ? shape.properties.size : 0));
  return 1 + Math.floor(properties.reduce((sum, size) => sum + size, 0) / 20);
}

export function isAny(shapes: readonly Shape[]): boolean {
  return shapes.length === kinds.length && shapes.every((shape) => shape.implicit && isUniversal(shape));
}

function isUniversal(shape: Shape): boolean {
  switch (shape.kind) {
    case 'null':
      return true;
    case 'boolean':
      return shape.values.length === anyBoolean.length;
    case 'number':
    case 'string':
      return shape.tests.length === 0;
    case 'array':
      return Object.entries(anyArray).every(([name, value]) =>
        isDeepStrictEqual(Reflect.get(shape, name), value),
      );
    case 'object':
      return Object.entries(anyObject).every(([name, value]) =>
        isDeepStrictEqual(Reflect.get(shape, name), value),
      );
    case 'is':
      return false;
  }
}

/** Splits a shape with a required undeclared property by where that property is: one of the declared ones, or another. */
export function* placed(shape: Shape, terms: Terms): Generator<Shape, void, undefined> {
  if (shape.kind !== 'object') return yield shape;
  const { properties, some } = shape;
  const at = some.findIndex(({ names }) => [...properties.keys()].some((name) => matches(names, name)));
  const found = some[at];
  if (found === undefined) return yield shape;
  const others = some.filter((each) => each !== found);
  const names = difference(found.names, listed(properties.keys()));
  // A generator, so that the caller can stop when there are too many.
  for (const [name, term] of properties) {
    if (!matches(found.names, name)) continue;
    const at: ObjectShape = {
      ...shape,
      properties: new Map([...properties, [name, terms.all(term, found.term)]]),
      required: new Set([...shape.required, name]),
      some: others,
    };
    yield* placed(at, terms);
  }
  if (!isEmpty(names)) yield* placed({ ...shape, some: [...others, { names, term: found.term }] }, terms);
}

const automata = new WeakMap<Dfa, number>();
let automataSeen = 0;

function numberOf(names: Dfa): number {
  const known = automata.get(names);
  if (known !== undefined) return known;
  automata.set(names, automataSeen);
  return automataSeen++;
}

/** Equal for two shapes that are obviously the same. */
export function keyOf(shape: Shape): string {
  const { kind, implicit } = shape;
  switch (shape.kind) {
    case 'is':
      return `is ${JSON.stringify(shape.value)}`;
    case 'null':
      return `${kind} ${implicit}`;
    case 'boolean':
      return `${kind} ${implicit} ${shape.values}`;
    case 'number':
    case 'string':
      return `${kind} ${implicit} ${JSON.stringify(shape.tests)}`;
    case 'array': {
      const { prefix, rest, restImplicit, least, most, some, unique } = shape;
      const items = [...prefix, rest].map(({ id }) => id);
      const counted = some.map((each) => [each.from, each.term.id, each.least, each.most].join('-'));
      return [kind, implicit, items, restImplicit, least, most, counted, unique].join(' ');
    }
    case 'object': {
      const { properties, others, required, least, most, some } = shape;
      const own = Array.from(properties, ([name, term]) => `${JSON.stringify(name)}${term.id}`);
      const rest = others.map(
        ({ names, term, implicit: silent }) => `${numberOf(names)}-${term.id}-${silent}`,
      );
      const must = some.map(({ names, term }) => `${numberOf(names)}-${term.id}`);
      return [kind, implicit, own, rest, JSON.stringify([...required].sort()), least, most, must].join(' ');
    }
  }
}

/** True: no value has the shape. False: some value may have it. `isNever` says the same about terms. */
export function isImpossible(shape: Shape, isNever: (term: Term) => boolean): boolean {
  switch (shape.kind) {
    case 'number':
      return noNumber(shape.tests);
    case 'string':
      return noneOf(shape.tests);
    case 'array': {
      const { prefix, rest, least, most } = shape;
      if (least > most || prefix.slice(0, least).some((item) => isNever(item))) return true;
      return least > prefix.length && isNever(rest);
    }
    case 'object':
      if (shape.least > shape.most || shape.required.size > shape.most) return true;
      if (shape.some.some(({ names }) => isEmpty(names))) return true;
      return [...shape.required].some((name) => isNever(propertyTerm(shape, name)));
    default:
      return false;
  }
}

function noNumber(tests: readonly NumberTest[]): boolean {
  const values = valuesAmong<number>(tests as readonly (NumberTest & { values?: readonly number[] })[]);
  if (values !== undefined) return !values.some((value) => hasNumber(value, tests));
  return tests.length > 1 && isEmpty(numberTexts(tests));
}
