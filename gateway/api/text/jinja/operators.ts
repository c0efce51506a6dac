// Python's binary operators on a template's values.
import { contains } from './tests.ts';
import {
  compare,
  Float,
  isEqual,
  isNumeric,
  numberOf,
  TemplateError,
  Tuple,
  textOf,
  typeName,
  type Value,
} from './values.ts';

type Operator = (left: Value, right: Value) => Value;

const arithmetic: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / nonZero(b),
  '//': (a, b) => Math.floor(a / nonZero(b)),
  '%': (a, b) => a - nonZero(b) * Math.floor(a / b),
  '**': (a, b) => a ** b,
};

function nonZero(value: number): number {
  if (value === 0) throw new TemplateError('division by zero');
  return value;
}

const operators: Readonly<Record<string, Operator>> = {
  '==': isEqual,
  '!=': (left, right) => !isEqual(left, right),
  '<': (left, right) => compare(left, right) < 0,
  '<=': (left, right) => compare(left, right) <= 0,
  '>': (left, right) => compare(left, right) > 0,
  '>=': (left, right) => compare(left, right) >= 0,
  in: (left, right) => contains(right, left),
  'not in': (left, right) => !contains(right, left),
  '~': (left, right) => textOf(left) + textOf(right),
};

/** Applies any operator but `and` and `or`, which do not always evaluate their right side. */
export function operate(operator: string, left: Value, right: Value): Value {
  const own = Object.hasOwn(operators, operator) ? operators[operator] : undefined;
  if (own !== undefined) return own(left, right);
  const compute = Object.hasOwn(arithmetic, operator) ? arithmetic[operator] : undefined;
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
  if (operator === '*') {
    const repeated = repeat(left, right) ?? repeat(right, left);
    if (repeated !== undefined) return repeated;
  }
  throw new TemplateError(
    `unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`,
  );
}

/** Largest length of a repeated value. */
const MOST_REPEATED = 1_000_000;

function repeat(value: Value, times: Value): Value {
  if (typeof times !== 'number') return undefined;
  const count = Math.max(0, times);
  if (typeof value !== 'string' && !Array.isArray(value)) return undefined;
  if (count * value.length > MOST_REPEATED) throw new TemplateError('the repeated value is too long');
  if (typeof value === 'string') return value.repeat(count);
  return Array.from({ length: count }, () => value).flat();
}
