// Python's binary operators, and Jinja's tests (`x is …`) with Python's semantics.
import { formatPercent } from './formatting.ts';
import { isCased } from './python-text.ts';
import {
  compare,
  Fields,
  Float,
  isDict,
  isEqual,
  isNumeric,
  itemsOf,
  Lazy,
  Markup,
  numberOf,
  plainOf,
  sequenceOf,
  TemplateError,
  Tuple,
  textOf,
  typeName,
  type Value,
} from './values.ts';

type Operator = (left: Value, right: Value) => Value;

/** A test of `value`. `other` is the argument of tests such as `divisibleby`. */
type Test = (value: Value, other: Value) => boolean;

const isNotEqual: Test = (left, right) => !isEqual(left, right);
const isLess: Test = (left, right) => compare(left, right) < 0;
const isAtMost: Test = (left, right) => compare(left, right) <= 0;
const isGreater: Test = (left, right) => compare(left, right) > 0;
const isAtLeast: Test = (left, right) => compare(left, right) >= 0;

/** Python's `value in container`. */
const isIn: Test = (sought, holder) => {
  const [value, container] = [plainOf(sought), plainOf(holder)];
  if (typeof container === 'string') {
    if (typeof value === 'string') return container.includes(value);
    throw new TemplateError(`'in <string>' requires string as left operand, not ${typeName(value)}`);
  }
  if (container instanceof Fields) throw new TemplateError(`a ${container.kind} is not iterable`);
  if (container instanceof Lazy) return container.next((item) => isEqual(item, value)).length > 0;
  return itemsOf(container).some((item) => isEqual(item, value));
};

const arithmetic: ReadonlyMap<string, (a: number, b: number) => number> = new Map([
  ['+', (a, b) => a + b],
  ['-', (a, b) => a - b],
  ['*', (a, b) => a * b],
  ['/', (a, b) => a / nonZero(b)],
  ['//', (a, b) => Math.floor(a / nonZero(b))],
  ['%', (a, b) => a - nonZero(b) * Math.floor(a / b)],
  ['**', (a, b) => a ** b],
]);

function nonZero(value: number): number {
  if (value === 0) throw new TemplateError('division by zero');
  return value;
}

const operators: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['==', isEqual],
  ['!=', isNotEqual],
  ['<', isLess],
  ['<=', isAtMost],
  ['>', isGreater],
  ['>=', isAtLeast],
  ['in', isIn],
  ['not in', (left, right) => !isIn(left, right)],
  ['~', (left, right) => textOf(left) + textOf(right)],
]);

/** Applies any operator except `and` and `or`, which do not always evaluate their right side. */
export function operate(operator: string, first: Value, second: Value): Value {
  const own = operators.get(operator);
  if (own !== undefined) return own(first, second);
  if (operator === '+' && (first instanceof Markup || second instanceof Markup)) return added(first, second);
  const [left, right] = [plainOf(first), plainOf(second)];
  const compute = arithmetic.get(operator);
  if (compute !== undefined && isNumeric(left) && isNumeric(right)) {
    const [a, b] = [numberOf(left), numberOf(right)];
    const result = compute(a, b);
    const isFloat =
      left instanceof Float || right instanceof Float || operator === '/' || (operator === '**' && b < 0);
    return isFloat ? new Float(result) : result;
  }
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') return left + right;
    if (Array.isArray(left) && Array.isArray(right)) return [...left, ...right];
    if (left instanceof Tuple && right instanceof Tuple) return new Tuple([...left.items, ...right.items]);
  }
  if (operator === '%' && typeof left === 'string') return formatPercent(left, right);
  if (operator === '*') {
    const repeated = repeat(left, right) ?? repeat(right, left);
    if (repeated !== undefined) return repeated;
  }
  throw new TemplateError(
    `unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`,
  );
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};

/** The text with the characters escaped that HTML reserves. */
export function escaped(value: Value): Markup {
  if (value instanceof Markup) return value;
  return new Markup(textOf(value).replace(/[&<>'"]/g, (char) => ENTITIES[char] ?? char));
}

/** The sum of two texts of which one is markup. */
function added(left: Value, right: Value): Markup {
  const other = left instanceof Markup ? right : left;
  if (!(other instanceof Markup) && typeof other !== 'string') {
    throw new TemplateError(`can only concatenate str (not "${typeName(other)}") to str`);
  }
  return new Markup(escaped(left).text + escaped(right).text);
}

/** Largest length of the result of `value * times`. A longer result raises an error, because a template must not fill the memory. */
const MOST_REPEATED = 1_000_000;

/** Python's `value * times`. Undefined if the types do not allow it. */
function repeat(value: Value, times: Value): Value {
  if (typeof times !== 'number') return undefined;
  const count = Math.max(0, times);
  if (typeof value !== 'string' && !Array.isArray(value)) return undefined;
  if (count * value.length > MOST_REPEATED) throw new TemplateError('the repeated value is too long');
  if (typeof value === 'string') return value.repeat(count);
  return Array.from({ length: count }, () => value).flat();
}

function remainder(value: Value, divisor: number): number {
  if (!isNumeric(value)) throw new TemplateError(`a ${typeName(value)} has no remainder`);
  return numberOf(value) % divisor;
}

const isSequence: Test = (value) =>
  typeof plainOf(value) === 'string' || isDict(value) || sequenceOf(value) !== undefined;

export const tests: ReadonlyMap<string, Test> = new Map<string, Test>([
  ['defined', (value) => value !== undefined],
  ['undefined', (value) => value === undefined],
  ['none', (value) => value === null],
  ['boolean', (value) => typeof value === 'boolean'],
  ['true', (value) => value === true],
  ['false', (value) => value === false],
  ['integer', (value) => typeof value === 'number'],
  ['float', (value) => value instanceof Float],
  ['number', isNumeric],
  ['string', (value) => typeof plainOf(value) === 'string'],
  ['mapping', isDict],
  ['iterable', (value, other) => value === undefined || value instanceof Lazy || isSequence(value, other)],
  ['sequence', isSequence],
  ['callable', (value) => typeof value === 'function'],
  ['odd', (value) => Math.abs(remainder(value, 2)) === 1],
  ['even', (value) => remainder(value, 2) === 0],
  ['divisibleby', (value, by) => isNumeric(by) && remainder(value, numberOf(by)) === 0],
  ['lower', (value) => isCased(textOf(value), 'toLowerCase')],
  ['upper', (value) => isCased(textOf(value), 'toUpperCase')],
  ['eq', isEqual],
  ['equalto', isEqual],
  ['==', isEqual],
  ['ne', isNotEqual],
  ['!=', isNotEqual],
  ['lt', isLess],
  ['lessthan', isLess],
  ['le', isAtMost],
  ['gt', isGreater],
  ['greaterthan', isGreater],
  ['ge', isAtLeast],
  ['in', isIn],
]);

/** Throws if there is no such test. */
export function testNamed(name: string): Test {
  const test = tests.get(name);
  if (test === undefined) throw new TemplateError(`no test named '${name}'`);
  return test;
}
