// Jinja's tests (`x is …`) with Python's semantics.
import { isCased } from './python-text.ts';
import {
  compare,
  Fields,
  Float,
  isDict,
  isEqual,
  isNumeric,
  itemsOf,
  numberOf,
  sequenceOf,
  TemplateError,
  textOf,
  typeName,
  type Value,
} from './values.ts';

type Test = (value: Value, other: Value) => boolean;

function remainder(value: Value, divisor: number): number {
  if (!isNumeric(value)) throw new TemplateError(`a ${typeName(value)} has no remainder`);
  return numberOf(value) % divisor;
}

export const tests: Readonly<Record<string, Test>> = {
  defined: (value) => value !== undefined,
  undefined: (value) => value === undefined,
  none: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  true: (value) => value === true,
  false: (value) => value === false,
  integer: (value) => typeof value === 'number',
  float: (value) => value instanceof Float,
  number: isNumeric,
  string: (value) => typeof value === 'string',
  mapping: isDict,
  iterable: (value) =>
    value === undefined || typeof value === 'string' || isDict(value) || sequenceOf(value) !== undefined,
  sequence: (value) => typeof value === 'string' || isDict(value) || sequenceOf(value) !== undefined,
  callable: (value) => typeof value === 'function',
  odd: (value) => Math.abs(remainder(value, 2)) === 1,
  even: (value) => remainder(value, 2) === 0,
  divisibleby: (value, by) => isNumeric(by) && remainder(value, numberOf(by)) === 0,
  lower: (value) => isCased(textOf(value), 'toLowerCase'),
  upper: (value) => isCased(textOf(value), 'toUpperCase'),
  eq: isEqual,
  equalto: isEqual,
  '==': isEqual,
  ne: (value, other) => !isEqual(value, other),
  '!=': (value, other) => !isEqual(value, other),
  lt: (value, other) => compare(value, other) < 0,
  lessthan: (value, other) => compare(value, other) < 0,
  le: (value, other) => compare(value, other) <= 0,
  gt: (value, other) => compare(value, other) > 0,
  greaterthan: (value, other) => compare(value, other) > 0,
  ge: (value, other) => compare(value, other) >= 0,
  in: (value, container) => contains(container, value),
};

/** Python's `in`. */
export function contains(container: Value, value: Value): boolean {
  if (typeof container === 'string') {
    if (typeof value === 'string') return container.includes(value);
    throw new TemplateError(`'in <string>' requires string as left operand, not ${typeName(value)}`);
  }
  if (container instanceof Fields) throw new TemplateError(`a ${container.kind} is not iterable`);
  return itemsOf(container).some((item) => isEqual(item, value));
}
