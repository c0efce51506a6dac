// Numbers within bounds as a grammar, written without an exponent. All arithmetic is exact: bounds are decimals, not doubles.
import {
  characters,
  choice,
  type Expression,
  nothing,
  range,
  repeat,
  sequence,
  text,
} from '../expression.ts';
import { digit, integer, MOST_DIGITS, number } from '../json-text.ts';
import type { SchemaObject } from './keywords.ts';
import { type Define, multiplesBetween } from './multiples.ts';

/** Digits of a number that has a bound: so many before the point where the bound on that side is missing, and behind it. */
const OPEN_DIGITS = 9;
const MOST_DECIMALS = 6;

type Bounds = Pick<
  SchemaObject,
  'minimum' | 'maximum' | 'exclusiveMinimum' | 'exclusiveMaximum' | 'multipleOf'
>;

const isBounded = ({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Bounds) =>
  [minimum, maximum, exclusiveMinimum, exclusiveMaximum].some((bound) => bound !== undefined);

/** Impossible where no whole number of up to 15 digits lies between. */
export function integers(bounds: Bounds, define: Define): Expression {
  if (bounds.multipleOf === undefined && !isBounded(bounds)) return integer;
  const [low, high] = scaled(bounds, 0, MOST_DIGITS);
  const between = (from: bigint, to: bigint) => {
    if (bounds.multipleOf === undefined) return naturals(from, to, 0);
    return multiplesBetween(from, to, bounds.multipleOf, define);
  };
  return signed(low, high, between);
}

export function numbers(bounds: Bounds, define: Define): Expression {
  if (bounds.multipleOf !== undefined) return integers(bounds, define);
  if (!isBounded(bounds)) return number;
  const given = [bounds.minimum, bounds.maximum, bounds.exclusiveMinimum, bounds.exclusiveMaximum];
  const digits = Math.max(...given.map((bound) => String(Math.trunc(Math.abs(bound ?? 0))).length));
  const most = Math.min(Math.max(digits, OPEN_DIGITS), MOST_DIGITS);
  const decimals = Array.from({ length: Math.min(MOST_DECIMALS, MOST_DIGITS - most) + 1 }, (_, i) => i);
  const all = decimals.map((point) => {
    const [low, high] = scaled(bounds, point, most);
    return signed(low, high, (from, to) => naturals(from, to, point));
  });
  return choice(...all);
}

/** The lowest and the highest number of hundredths, thousandths…: of 10 to the power of -`point`. */
function scaled(
  { minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Bounds,
  point: number,
  digits: number,
): [low: bigint, high: bigint] {
  const most = 10n ** BigInt(digits + point) - 1n;
  const lows = [-most];
  const highs = [most];
  if (minimum !== undefined) lows.push(ceiling(minimum, point));
  if (exclusiveMinimum !== undefined) lows.push(-ceiling(-exclusiveMinimum, point) + 1n);
  if (maximum !== undefined) highs.push(-ceiling(-maximum, point));
  if (exclusiveMaximum !== undefined) highs.push(ceiling(exclusiveMaximum, point) - 1n);
  return [lows.sort(ascending).at(-1) ?? -most, highs.sort(ascending).at(0) ?? most];
}

function ascending(a: bigint, b: bigint): number {
  return Number(a > b) - Number(a < b);
}

/** `bound` times 10 to the power of `point`, rounded up. */
function ceiling(bound: number, point: number): bigint {
  const [, sign = '', whole = '0', decimals = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(bound)) ?? [];
  const value = BigInt(`${sign}${whole}${decimals}`);
  const shift = Number(exponent) + point - decimals.length;
  if (shift >= 0) return value * 10n ** BigInt(shift);
  const divisor = 10n ** BigInt(-shift);
  const quotient = value / divisor; // towards zero
  return quotient * divisor < value ? quotient + 1n : quotient;
}

/** There is no -0. */
function signed(low: bigint, high: bigint, between: (from: bigint, to: bigint) => Expression): Expression {
  const parts: Expression[] = [];
  if (low < 0n) {
    const nearest = high < 0n ? -high : 1n;
    if (nearest <= -low) parts.push(sequence(text('-'), between(nearest, -low)));
  }
  if (high >= 0n && low <= high) parts.push(between(low > 0n ? low : 0n, high));
  return choice(...parts);
}

/** From `low` to `high`, the last `point` digits behind a point. */
function naturals(low: bigint, high: bigint, point: number): Expression {
  const parts: Expression[] = [];
  for (let length = point + 1; length <= String(high).length || length === point + 1; length++) {
    const least = length === point + 1 ? 0n : 10n ** BigInt(length - 1);
    const most = 10n ** BigInt(length) - 1n;
    const from = low > least ? low : least;
    const to = high < most ? high : most;
    if (from <= to) parts.push(digits(padded(from, length), padded(to, length), point));
  }
  return choice(...parts);
}

export function padded(value: bigint, length: number): string {
  return String(value).padStart(length, '0');
}

/** All strings of digits from `low` to `high`, which are of one length. */
function digits(low: string, high: string, point: number): Expression {
  const { length } = low;
  const dot = length === point && point > 0 ? text('.') : nothing;
  if (length === 0) return nothing;
  if (/^0*$/.test(low) && /^9*$/.test(high)) return sequence(dot, anyDigits(length, point));
  const [first = '0'] = low;
  const [last = '0'] = high;
  const [restOfLow, restOfHigh] = [low.slice(1), high.slice(1)];
  if (first === last) return sequence(dot, text(first), digits(restOfLow, restOfHigh, point));
  const zeros = '0'.repeat(length - 1);
  const nines = '9'.repeat(length - 1);
  const between: Expression[] = [];
  const [above, below] = [Number(first) + 1, Number(last) - 1];
  if (above <= below) {
    between.push(sequence(characters(range(String(above), String(below))), digits(zeros, nines, point)));
  }
  return sequence(
    dot,
    choice(
      sequence(text(first), digits(restOfLow, nines, point)),
      ...between,
      sequence(text(last), digits(zeros, restOfHigh, point)),
    ),
  );
}

function anyDigits(length: number, point: number): Expression {
  if (point === 0 || point >= length) return repeat(digit, length, length);
  return sequence(repeat(digit, length - point, length - point), text('.'), repeat(digit, point, point));
}
