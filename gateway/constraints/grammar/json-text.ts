// JSON as a grammar: strings, numbers, any value. White space is at most one space, after a colon or a comma, so that an answer
// cannot go on in white space for ever.

import { weaklyKept } from '../kept.ts';
import { everyText } from '../language/dfa.ts';
import { everyCharacter, intersect, ofText, type Ranges, without } from './characters.ts';
import {
  characters,
  choice,
  type Expression,
  language,
  oneOf,
  optional,
  range,
  repeat,
  rule,
  type Spelling,
  sequence,
  text,
} from './expression.ts';

const space = optional(text(' '));
export const comma = sequence(text(','), space);
export const colon = sequence(text(':'), space);

const CONTROL: Ranges = [[0, 0x1f]];
/** Characters that need no escape in a JSON string. */
const plainCharacters = without(everyCharacter, [...CONTROL, ...ofText('"\\')]);

export const digit = characters(range('0', '9'));
const hex = characters([...range('0', '9'), ...range('A', 'F'), ...range('a', 'f')]);

/** `\uXXXX` without its backslash. A surrogate may come only in a pair, because validators count a pair as one character. */
const unicodeEscape = choice(
  sequence(
    text('u'),
    choice(
      sequence(characters(ofText('0123456789abcefABCEF')), repeat(hex, 3, 3)),
      sequence(characters(ofText('dD')), characters(range('0', '7')), repeat(hex, 2, 2)),
    ),
  ),
  sequence(
    text('u'),
    characters(ofText('dD')),
    characters(ofText('89abAB')),
    repeat(hex, 2, 2),
    text('\\u'),
    characters(ofText('dD')),
    characters(ofText('cdefCDEF')),
    repeat(hex, 2, 2),
  ),
);
const stringCharacter = choice(
  characters(plainCharacters),
  sequence(text('\\'), choice(characters(ofText('"\\/bfnrt')), unicodeEscape)),
);

/** A JSON string of `least` to `most` characters, with any escapes. An escape counts as one character. */
export function jsonString(least = 0, most = Number.POSITIVE_INFINITY): Expression {
  return sequence(text('"'), language(everyText, 'escaped', { least, most }), text('"'));
}

/** One character of a set. The spelling `escaped` is used for the set of all characters only, so it ignores `ranges`. */
export function spelled(ranges: Ranges, spelling: Spelling): Expression {
  if (spelling === 'itself') return characters(ranges);
  return spelling === 'escaped' ? stringCharacter : quotedCharacter(ranges);
}

/** A character of a JSON string, escaped only if it must be. Kept, because patterns use the same few classes many times. */
const quotedCharacter = weaklyKept((ranges: Ranges): Expression => {
  const special = intersect(ranges, [...CONTROL, ...ofText('"\\')]).flatMap(([low, high]) => {
    const points = Array.from({ length: high - low + 1 }, (_, i) => low + i);
    return points.map((point) => JSON.stringify(String.fromCodePoint(point)).slice(1, -1));
  });
  return choice(characters(intersect(ranges, plainCharacters)), oneOf(special));
});

/** Most digits before the decimal point, and most digits after it. A double distinguishes all numbers of 15 digits. */
export const MOST_DIGITS = 15;
const natural = choice(text('0'), sequence(characters(range('1', '9')), repeat(digit, 0, MOST_DIGITS - 1)));
/** A whole number. -0 is left out, because some languages do not treat it as 0. */
export const integer = choice(
  natural,
  sequence(text('-'), characters(range('1', '9')), repeat(digit, 0, MOST_DIGITS - 1)),
);
/** Any number. Its exponent has at most two digits, so that the number is finite in double precision. */
export const number = sequence(
  optional(text('-')),
  natural,
  optional(sequence(text('.'), repeat(digit, 1, MOST_DIGITS))),
  optional(sequence(characters(ofText('eE')), optional(characters(ofText('+-'))), repeat(digit, 1, 2))),
);

/** Items separated by commas, between the texts `open` and `close`, such as `{` and `}`. */
export function list(open: string, item: Expression, close: string): Expression {
  const items = sequence(item, repeat(sequence(comma, item), 0, Number.POSITIVE_INFINITY));
  return sequence(text(open), optional(items), text(close));
}

/** How null, true and false are written: as in JSON or as in Python. Python reads all other values of JSON as they are. */
export interface Words {
  null: string;
  true: string;
  false: string;
  /** Begins the names of the rules for any value. */
  rules: string;
}
export const jsonWords: Words = { null: 'null', true: 'true', false: 'false', rules: 'json' };
export const pythonWords: Words = { null: 'None', true: 'True', false: 'False', rules: 'python' };

/** References to the rules for any value of each kind. */
export function anyOf({ rules }: Words): { value: Expression; object: Expression; array: Expression } {
  return { value: rule(`${rules} value`), object: rule(`${rules} object`), array: rule(`${rules} array`) };
}

function rulesOf(words: Words): [string, Expression][] {
  const { value, object, array } = anyOf(words);
  const named = choice(text(words.true), text(words.false), text(words.null));
  return [
    [`${words.rules} value`, choice(object, array, anyString, number, named)],
    [`${words.rules} object`, list('{', sequence(anyString, colon, value), '}')],
    [`${words.rules} array`, list('[', value, ']')],
  ];
}

export const anyString = rule('json string');
export const { value: anyValue, object: anyObject, array: anyArray } = anyOf(jsonWords);

const stringRule = ['json string', jsonString()] as const;
/** The rules to which `anyValue`, `anyObject`, `anyArray` and `anyString` refer. */
export const jsonRules: ReadonlyMap<string, Expression> = new Map([...rulesOf(jsonWords), stringRule]);
/** The rules for any value that is written as in Python. */
export const pythonRules: ReadonlyMap<string, Expression> = new Map([...rulesOf(pythonWords), stringRule]);

/** Exactly this value. The keys of an object keep their order. */
export function literal(value: unknown, words: Words = jsonWords): Expression {
  if (Array.isArray(value)) {
    const items = value.map((each) => literal(each, words));
    return { kind: 'sequence', items: [text('['), ...withCommas(items), text(']')] };
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([key, each]) => {
      return sequence(text(JSON.stringify(key)), colon, literal(each, words));
    });
    return { kind: 'sequence', items: [text('{'), ...withCommas(members), text('}')] };
  }
  if (value === null) return text(words.null);
  return text(typeof value === 'boolean' ? words[value ? 'true' : 'false'] : JSON.stringify(value));
}

function withCommas(items: readonly Expression[]): Expression[] {
  return items.flatMap((item, i) => (i === 0 ? [item] : [comma, item]));
}
