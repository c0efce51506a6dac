// Facts about shapes: whether they cover all values, whether a shape has no value, and whether two shapes are the same.
import { isDeepStrictEqual } from 'node:util';
import { weaklyKept } from '../../kept.ts';
import { type Dfa, difference, isEmpty, listed, matches } from '../../language/dfa.ts';
import { kinds } from '../keywords.ts';
import { hasNumber, numberTexts } from '../numbers.ts';
import { noneOf } from '../texts.ts';
import { propertyTerm } from './meet.ts';
import { type ObjectShape, type Shape, universal } from './shapes.ts';
import type { Term, Terms } from './terms.ts';
import { listedValues } from './values.ts';

/** Cost of joining the shapes, in states of an automaton. The more properties an object declares, the more it costs. */
export function costOf(...shapes: readonly Shape[]): number {
  const properties = shapes.map((shape) => (shape.kind === 'object' ? shape.properties.size : 0));
  return 1 + Math.floor(properties.reduce((sum, size) => sum + size, 0) / 20);
}

/** Whether the shapes are those of the term `any`: they cover all values, and no schema mentions any of them. */
export function isAny(shapes: readonly Shape[]): boolean {
  return (
    shapes.length === kinds.length &&
    shapes.every((shape) => shape.kind !== 'is' && isDeepStrictEqual(shape, universal(shape.kind, true)))
  );
}

/**
 * Splits a shape whose objects must have a property with a name from a set (`some`). In each part, that property is a certain
 * declared property, or an undeclared one. This is a generator, so that the caller can stop when there are too many shapes.
 */
export function* placed(shape: Shape, terms: Terms): Generator<Shape, void, undefined> {
  if (shape.kind !== 'object') return yield shape;
  const { properties, some } = shape;
  const at = some.findIndex(({ names }) => [...properties.keys()].some((name) => matches(names, name)));
  const found = some[at];
  if (found === undefined) return yield shape;
  const others = some.filter((each) => each !== found);
  const names = difference(found.names, listed(properties.keys()));
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

let automataSeen = 0;
/** A number for each automaton. */
const numberOf = weaklyKept((_names: Dfa) => automataSeen++);

/** A text that is equal for two shapes only if they have the same values. Shapes with the same values may have different texts. */
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

/** Returns true if no value has the shape, and false if some value may have it. `isNever` does the same for terms. */
export function isImpossible(shape: Shape, isNever: (term: Term) => boolean): boolean {
  switch (shape.kind) {
    case 'number': {
      const values = listedValues<number>(shape.tests);
      if (values !== undefined) return !values.some((value) => hasNumber(value, shape.tests));
      return shape.tests.length > 1 && isEmpty(numberTexts(shape.tests));
    }
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
