// JSON as a grammar: strings, numbers, any value. White space is at most one space after a colon and a comma, so that a text cannot go on
// in it for ever.

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
/** Characters that stand for themselves in a string. */
const plainCharacters = without(everyCharacter, [...CONTROL, ...ofText('"\\')]);

export const digit = characters(range('0', '9'));
const hex = characters([...range('0', '9'), ...range('A', 'F'), ...range('a', 'f')]);

/** \uXXXX. A surrogate may not come without its other half, because validators count characters. */
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

/** A string of so many characters, however they are escaped. */
export function jsonString(least = 0, most = Number.POSITIVE_INFINITY): Expression {
  return sequence(text('"'), language(everyText, 'escaped', { least, most }), text('"'));
}

/** One character of a set. With any escape that JSON knows: of the set of all characters. */
export function spelled(ranges: Ranges, spelling: Spelling): Expression {
  if (spelling === 'itself') return characters(ranges);
  return spelling === 'escaped' ? stringCharacter : quotedCharacter(ranges);
}

/** A character as itself, or escaped if it must be. */
function quotedCharacter(ranges: Ranges): Expression {
  const known = spelledBefore.get(ranges);
  if (known !== undefined) return known;
  const control = intersect(ranges, [...CONTROL, ...ofText('"\\')]).flatMap(([low, high]) => {
    return Array.from({ length: high - low + 1 }, (_, i) => quoted(String.fromCodePoint(low + i)));
  });
  const expression = choice(characters(intersect(ranges, plainCharacters)), oneOf(control));
  spelledBefore.set(ranges, expression);
  return expression;
}
/** Patterns use the same few classes over and over. */
const spelledBefore = new WeakMap<Ranges, Expression>();

/** The text as a JSON string spells it, without the quotes. */
function quoted(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

/** Digits before the point, of numbers without bounds: all of them are exact. */
export const MOST_DIGITS = 15;
const natural = choice(text('0'), sequence(characters(range('1', '9')), repeat(digit, 0, MOST_DIGITS - 1)));
/** Without -0, which is another number in some languages. */
export const integer = choice(
  natural,
  sequence(text('-'), characters(range('1', '9')), repeat(digit, 0, MOST_DIGITS - 1)),
);
/** Its exponent keeps it finite in double precision. */
export const number = sequence(
  optional(text('-')),
  natural,
  optional(sequence(text('.'), repeat(digit, 1, MOST_DIGITS))),
  optional(sequence(characters(ofText('eE')), optional(characters(ofText('+-'))), repeat(digit, 1, 2))),
);
export const boolean = choice(text('true'), text('false'));

/** `{`, members separated by commas, `}`; `[` and `]` likewise. */
export function list(open: string, item: Expression, close: string): Expression {
  const items = sequence(item, repeat(sequence(comma, item), 0, Number.POSITIVE_INFINITY));
  return sequence(text(open), optional(items), text(close));
}

const ANY = 'json value';
const ANY_OBJECT = 'json object';
const ANY_ARRAY = 'json array';
const ANY_STRING = 'json string';
export const anyValue = rule(ANY);
export const anyObject = rule(ANY_OBJECT);
export const anyArray = rule(ANY_ARRAY);
export const anyString = rule(ANY_STRING);

/** What anyValue and its like refer to. */
export const jsonRules: ReadonlyMap<string, Expression> = new Map([
  [ANY, choice(anyObject, anyArray, anyString, number, boolean, text('null'))],
  [ANY_OBJECT, list('{', sequence(anyString, colon, anyValue), '}')],
  [ANY_ARRAY, list('[', anyValue, ']')],
  [ANY_STRING, jsonString()],
]);

/** A value as JSON, in the order of its keys. */
export function literal(value: unknown): Expression {
  if (Array.isArray(value)) {
    return { kind: 'sequence', items: [text('['), ...parted(value.map(literal)), text(']')] };
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([key, each]) => {
      return sequence(text(JSON.stringify(key)), colon, literal(each));
    });
    return { kind: 'sequence', items: [text('{'), ...parted(members), text('}')] };
  }
  return text(JSON.stringify(value));
}

function parted(items: readonly Expression[]): Expression[] {
  return items.flatMap((item, i) => (i === 0 ? [item] : [comma, item]));
}
