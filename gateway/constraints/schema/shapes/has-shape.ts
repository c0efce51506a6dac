// Finds out whether a JSON value has a shape, for the values of `enum` and `const`.
import { isDeepStrictEqual } from 'node:util';
import { matches } from '../../language/dfa.ts';
import { hasNumber } from '../numbers.ts';
import { hasText } from '../texts.ts';
import { propertyTerm } from './meet.ts';
import { type ArrayShape, kindOf, kindOfShape, type ObjectShape, type Shape } from './shapes.ts';
import type { Term } from './terms.ts';
import { sortedJson } from './values.ts';

type Holds = (value: unknown, term: Term) => boolean;

/** Whether a JSON value has the shape. `holds` says whether a value inside it satisfies a term. */
export function hasShape(value: unknown, shape: Shape, holds: Holds): boolean {
  if (kindOf(value) !== kindOfShape(shape)) return false;
  switch (shape.kind) {
    case 'is':
      return isDeepStrictEqual(value, shape.value);
    case 'null':
      return true;
    case 'boolean':
      return shape.values.includes(value as boolean);
    case 'number':
      return hasNumber(value as number, shape.tests);
    case 'string':
      return hasText(value as string, shape.tests);
    case 'array':
      return hasItems(value as unknown[], shape, holds);
    case 'object':
      return hasProperties(value as Record<string, unknown>, shape, holds);
  }
}

function hasItems(
  items: readonly unknown[],
  { prefix, rest, least, most, some, unique }: ArrayShape,
  holds: Holds,
): boolean {
  if (items.length < least || items.length > most) return false;
  if (!items.every((item, i) => holds(item, prefix[i] ?? rest))) return false;
  const counted = some.every((each) => {
    const count = items.filter((item, i) => i >= each.from && holds(item, each.term)).length;
    return count >= each.least && count <= each.most;
  });
  if (!counted || unique === undefined) return counted;
  return new Set(items.map(sortedJson)).size === items.length;
}

function hasProperties(value: Record<string, unknown>, shape: ObjectShape, holds: Holds): boolean {
  const names = Object.keys(value);
  if (names.length < shape.least || names.length > shape.most) return false;
  if (![...shape.required].every((name) => Object.hasOwn(value, name))) return false;
  if (!names.every((name) => holds(value[name], propertyTerm(shape, name)))) return false;
  return shape.some.every(({ names: own, term }) => {
    return names.some(
      (name) => !shape.properties.has(name) && matches(own, name) && holds(value[name], term),
    );
  });
}
