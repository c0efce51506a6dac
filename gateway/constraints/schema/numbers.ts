// Sets of numbers as automata over their decimal texts without exponents. Bounds are decimals, so all arithmetic is exact.

import { ConstraintFault } from '../fault.ts';
import { MOST_DIGITS } from '../grammar/json-text.ts';
import { keptUpTo } from '../kept.ts';
import {
  type Dfa,
  difference,
  everyText,
  explore,
  intersection,
  isEmpty,
  listed,
  noText,
  unionOf,
} from '../language/dfa.ts';
import { type AmongTest, listedValues, setOf } from './shapes/values.ts';

/** A test that a number must pass, or must fail if `negated`. */
export type NumberTest =
  | { test: 'integer'; negated: boolean }
  | { test: 'multipleOf'; value: number; negated: boolean }
  | AmongTest<number>
  | { test: 'minimum' | 'maximum'; value: number; exclusive: boolean };

/** Digits of a number without its sign: before the point, and after it without trailing zeros. */
interface Decimal {
  whole: string;
  fraction: string;
}

/** Most lists of tests whose automata are kept. */
const MOST_KEPT = 1000;

/** The texts of the numbers that pass all tests: up to 15 digits before the point and 15 after it, never -0. */
export const numberTexts = keptUpTo(
  MOST_KEPT,
  (tests: readonly NumberTest[]): Dfa => manyMultiples(tests) ?? signedTexts(tests),
  JSON.stringify,
);

export function hasNumber(value: number, tests: readonly NumberTest[]): boolean {
  return tests.every((test) => passes(value, test));
}

/** The numbers that pass all tests, if a test lists the allowed numbers. Undefined if no test lists them. */
export function numbersAmong(tests: readonly NumberTest[]): readonly number[] | undefined {
  return listedValues<number>(tests)?.filter((value) => hasNumber(value, tests));
}

function passes(value: number, test: NumberTest): boolean {
  switch (test.test) {
    case 'integer':
      return Number.isInteger(value) !== test.negated;
    case 'among':
      return setOf(test.values).has(value) !== test.negated;
    case 'multipleOf':
      return isMultiple(decimal(value), decimal(test.value)) !== test.negated;
    case 'minimum':
      return test.exclusive ? value > test.value : value >= test.value;
    case 'maximum':
      return test.exclusive ? value < test.value : value <= test.value;
  }
}

function isMultiple(value: Decimal, of: Decimal): boolean {
  const places = Math.max(value.fraction.length, of.fraction.length);
  const [scaled, divisor] = [value, of].map(({ whole, fraction }) =>
    BigInt(whole + fraction.padEnd(places, '0')),
  );
  return (scaled ?? 0n) % (divisor ?? 1n) === 0n;
}

/** Most remainders that an automaton distinguishes. The multiples of a divisor with more remainders are listed instead. */
const MOST_REMAINDERS = 500;
/** Number of listed multiples on either side of 0. */
const MOST_LISTED = 1000;

/**
 * The multiples nearest to 0 of a divisor that has too many digits for an automaton. Undefined if no test has such a divisor.
 * Throws a ConstraintFault if the other tests exclude all listed multiples.
 */
function manyMultiples(tests: readonly NumberTest[]): Dfa | undefined {
  const [test] = tests.filter(
    (each) => each.test === 'multipleOf' && !each.negated && scaled(each.value) > MOST_REMAINDERS,
  );
  if (test?.test !== 'multipleOf') return undefined;
  const { fraction } = decimal(test.value);
  const texts = Array.from({ length: 2 * MOST_LISTED + 1 }, (_, i) => {
    const digits = BigInt(scaled(test.value)) * BigInt(i - MOST_LISTED);
    const [sign, magnitude] = [digits < 0n ? '-' : '', String(digits < 0n ? -digits : digits)];
    const padded = magnitude.padStart(fraction.length + 1, '0');
    const at = padded.length - fraction.length;
    return sign + padded.slice(0, at) + (fraction.length > 0 ? `.${padded.slice(at)}` : '');
  }).filter((text) => hasNumber(Number(text), tests) && text.replace(/\D/g, '').length <= MOST_DIGITS);
  if (texts.length === 0)
    throw new ConstraintFault('multiples of so large a number within such bounds are not supported');
  return listed(texts);
}

/** The digits of a number as a whole number: 2.5 is 25. */
function scaled(value: number): number {
  const { whole, fraction } = decimal(value);
  return Number(whole + fraction);
}

function signedTexts(tests: readonly NumberTest[]): Dfa {
  const positive = tests.reduce((texts, test) => intersection(texts, magnitudes(test, 1)), written(tests));
  const negative = tests.reduce(
    (texts, test) => intersection(texts, magnitudes(test, -1)),
    difference(
      written(tests),
      compared({ whole: '0', fraction: '' }, (order) => order === 0),
    ),
  );
  if (isEmpty(negative)) return positive;
  const shifted = (texts: Dfa, by: number) => {
    return texts.map(({ accepting, edges }) => ({
      accepting,
      edges: edges.map(([low, high, target]) => [low, high, target + by] as const),
    }));
  };
  const [start, ...rest] = shifted(positive, 0);
  // The automata of both signs can share their first state: no text returns to it, and only negative texts begin with a sign.
  const first = {
    accepting: false,
    edges: [[MINUS, MINUS, positive.length] as const, ...(start?.edges ?? [])],
  };
  return [first, ...rest, ...shifted(negative, positive.length)];
}

const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;

/**
 * The texts of numbers without a sign. They have few enough decimals that no text reads as an excluded bound when it is parsed as a
 * double. If the exact number matters (multiples, negated tests), a text has no more digits than a double can distinguish.
 */
function written(tests: readonly NumberTest[]): Dfa {
  const whole = tests.some((test) => test.test === 'integer' && !test.negated);
  const room = tests.map((test) => {
    if (!('exclusive' in test) || !test.exclusive) return MOST_DIGITS;
    return Math.max(0, MOST_DIGITS - decimal(test.value).whole.length);
  });
  const decimals = whole ? 0 : Math.min(...room, MOST_DIGITS);
  const exact = tests.some((test) => test.test === 'multipleOf' || ('negated' in test && test.negated));
  const mostBehind = (before: number, zero: boolean) => {
    return exact && !zero ? Math.min(decimals, MOST_DIGITS - before) : decimals;
  };
  type Place = readonly [before: number, behind: number, zero: boolean];
  return explore<Place>(
    [0, -1, false],
    ([before, behind, zero]) => (before * 32 + behind + 1) * 2 + Number(zero),
    ([before, behind, zero]) => {
      const edges: (readonly [number, number, Place])[] = [];
      if (before > 0 && behind < 0 && mostBehind(before, zero) > 0)
        edges.push([POINT, POINT, [before, 0, zero]]);
      if (behind >= 0) {
        if (behind < mostBehind(before, zero)) edges.push([ZERO, ZERO + 9, [before, behind + 1, zero]]);
      } else if (before === 0) {
        edges.push([ZERO, ZERO, [1, -1, true]], [ZERO + 1, ZERO + 9, [1, -1, false]]);
      } else if (!zero && before < MOST_DIGITS) edges.push([ZERO, ZERO + 9, [before + 1, -1, false]]);
      return { accepting: before > 0 && behind !== 0, edges };
    },
  );
}

/**
 * The texts, without their sign, of the numbers with the sign `sign` that pass the test. May contain texts that `written` excludes.
 */
function magnitudes(test: NumberTest, sign: 1 | -1): Dfa {
  switch (test.test) {
    case 'integer':
      return negatedIf(test.negated, multiples(1, 0));
    case 'multipleOf': {
      const { whole, fraction } = decimal(test.value);
      return negatedIf(test.negated, multiples(Number(whole + fraction), fraction.length));
    }
    case 'among': {
      const own = test.values.filter((value) => value === 0 || Math.sign(value) === sign);
      const same = own.map((value) => compared(decimal(value), (order) => order === 0));
      return negatedIf(test.negated, same.reduce(unionOf, noText));
    }
    default: {
      const { test: side, value, exclusive } = test;
      const above = (side === 'minimum') === (sign === 1);
      // If the bound has the other sign, either every number of this sign passes the test or none does.
      if (value !== 0 && Math.sign(value) !== sign) return above ? everyText : noText;
      return compared(decimal(value), (order) => (order === 0 ? !exclusive : above === order > 0));
    }
  }
}

function negatedIf(negated: boolean, texts: Dfa): Dfa {
  return negated ? difference(everyText, texts) : texts;
}

/** The texts of the numbers for which `accepts` is true. `order` is -1 below the given number, 0 at it, and 1 above it. */
function compared({ whole, fraction }: Decimal, accepts: (order: number) => boolean): Dfa {
  /** Number of digits before the point; order of the digits so far; number of digits after the point (-1 without a point). */
  type Place = readonly [before: number, order: number, behind: number];
  const orderOf = ([before, order, behind]: Place): number => {
    const final = behind >= 0 ? order : lengthOrder(before, order);
    return final !== 0 || Math.max(behind, 0) >= fraction.length ? final : -1;
  };
  const lengthOrder = (before: number, order: number) => {
    return before === whole.length ? order : Math.sign(before - whole.length);
  };
  const keyOf = ([before, order, behind]: Place) => (before * 1024 + behind + 1) * 4 + order + 1;
  return explore<Place>([0, 0, -1], keyOf, (place) => {
    const [before, order, behind] = place;
    const edges: (readonly [number, number, Place])[] = [];
    if (before > 0 && behind < 0) edges.push([POINT, POINT, [0, lengthOrder(before, order), 0]]);
    const decided = order !== 0 || (behind < 0 && before >= whole.length);
    const own = Number((behind >= 0 ? fraction[behind] : whole[before]) ?? 0);
    const after = (next: number): Place => {
      if (behind >= 0) return [0, next, Math.min(behind + 1, fraction.length)];
      return [Math.min(before + 1, whole.length + 1), next, -1];
    };
    if (decided) edges.push([ZERO, ZERO + 9, after(order)]);
    else {
      if (own > 0) edges.push([ZERO, ZERO + own - 1, after(-1)]);
      edges.push([ZERO + own, ZERO + own, after(0)]);
      if (own < 9) edges.push([ZERO + own + 1, ZERO + 9, after(1)]);
    }
    return { accepting: (before > 0 || behind >= 0) && accepts(orderOf(place)), edges };
  });
}

/** Largest divisor, so that remainders are exact in double precision. */
const LARGEST_DIVISOR = 1_000_000;

/** The texts of the multiples of `divisor` / 10^`places`. Throws a ConstraintFault if the divisor is above LARGEST_DIVISOR. */
function multiples(divisor: number, places: number): Dfa {
  if (divisor > LARGEST_DIVISOR) {
    throw new ConstraintFault(
      `multiples of a number whose digits without the point exceed ${LARGEST_DIVISOR} are not supported`,
    );
  }
  type Place = readonly [remainder: number, behind: number, begun: boolean];
  const keyOf = ([remainder, behind, begun]: Place) => (remainder * 32 + behind + 1) * 2 + Number(begun);
  return explore<Place>([0, -1, false], keyOf, ([remainder, behind, begun]) => {
    const edges: (readonly [number, number, Place])[] = [];
    if (begun && behind < 0) edges.push([POINT, POINT, [remainder, 0, true]]);
    for (let digit = 0; digit <= 9; digit++) {
      const at = ZERO + digit;
      const after = (remainder * 10 + digit) % divisor;
      if (behind < places) edges.push([at, at, [after, behind < 0 ? -1 : behind + 1, true]]);
      else if (digit === 0) edges.push([at, at, [remainder, behind, true]]);
    }
    let left = remainder;
    for (let place = Math.max(behind, 0); place < places; place++) left = (left * 10) % divisor;
    return { accepting: begun && left % divisor === 0, edges };
  });
}

/** The digits of a number's magnitude, as JavaScript writes the number. */
function decimal(value: number): Decimal {
  const [, digits = '0', decimals = '', exponent = '0'] =
    /^-?(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  const point = digits.length + Number(exponent);
  const all = `${'0'.repeat(Math.max(0, -point))}${digits}${decimals}`.padEnd(point, '0');
  const at = Math.max(point, 0);
  return { whole: all.slice(0, at).replace(/^0+/, '') || '0', fraction: all.slice(at).replace(/0+$/, '') };
}
