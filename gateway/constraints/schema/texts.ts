// Sets of strings, described by tests: patterns, formats, lengths, values.

import { ConstraintFault, within } from '../fault.ts';
import { type Expression, impossible, language, oneOf, sequence, text } from '../grammar/expression.ts';
import { anyString, jsonString } from '../grammar/json-text.ts';
import { regexExpression } from '../grammar/regex.ts';
import { keptUpTo } from '../kept.ts';
import { dfaOf } from '../language/determinize.ts';
import { type Dfa, difference, everyText, intersection, isEmpty, listed, matches } from '../language/dfa.ts';
import { textsOfLength } from '../language/lengths.ts';
import { anywhere, readPattern } from '../language/pattern.ts';
import { formats } from './formats.ts';
import { type AmongTest, listedValues, setOf } from './shapes/values.ts';

/** A test that a string must pass, or must fail if `negated`. `path` is the path of its keyword, for errors. */
export type TextTest =
  | { test: 'pattern'; value: string; negated: boolean; path: string }
  | { test: 'format'; value: string; path: string }
  | AmongTest<string>
  | { test: 'minLength' | 'maxLength'; value: number };

/** Most characters of a pattern. */
const LONGEST_PATTERN = 10_000;
/** Most patterns whose automata are kept. */
const MOST_KEPT = 500;

/** The texts that match a pattern anywhere. Throws a ConstraintFault if the pattern cannot be read or is too large. */
export const patternTexts = keptUpTo(MOST_KEPT, (pattern: string): Dfa => {
  if (pattern.length > LONGEST_PATTERN) {
    throw new ConstraintFault(`it has more than ${LONGEST_PATTERN} characters`);
  }
  return dfaOf(anywhere(readPattern(pattern)));
});

function patternOf(test: Extract<TextTest, { test: 'pattern' | 'format' }>): string {
  return test.test === 'pattern' ? test.value : `^(?:${formats[test.value]})$`;
}

function isNegated(test: TextTest): boolean {
  return 'negated' in test && test.negated;
}

/** The texts that pass all tests except those of length. */
function textsOf(tests: readonly TextTest[]): Dfa {
  return tests.reduce((texts, test) => {
    if (!('negated' in test || 'path' in test)) return texts;
    return within('path' in test ? test.path : '', () => {
      const own = test.test === 'among' ? listed(test.values) : patternTexts(patternOf(test));
      return isNegated(test) ? difference(texts, own) : intersection(texts, own);
    });
  }, everyText);
}

/** The bounds on the length, in characters (code points). */
function boundsOf(tests: readonly TextTest[]): { least: number; most: number } {
  const of = (side: 'minLength' | 'maxLength') => {
    return tests.flatMap((test) => (test.test === side ? [test.value] : []));
  };
  return {
    least: Math.max(0, ...of('minLength')),
    most: Math.min(Number.POSITIVE_INFINITY, ...of('maxLength')),
  };
}

/** Texts that pass all tests. */
export function allTextsOf(tests: readonly TextTest[]): Dfa {
  const { least, most } = boundsOf(tests);
  const sized = least > 0 || most < Number.POSITIVE_INFINITY;
  return sized ? intersection(textsOf(tests), textsOfLength(least, most)) : textsOf(tests);
}

export function hasText(text: string, tests: readonly TextTest[]): boolean {
  return tests.every((test) => passes(text, test));
}

function passes(text: string, test: TextTest): boolean {
  switch (test.test) {
    case 'among':
      return setOf(test.values).has(text) !== test.negated;
    case 'minLength':
      return Array.from(text).length >= test.value;
    case 'maxLength':
      return Array.from(text).length <= test.value;
    case 'pattern':
      return within(test.path, () => matches(patternTexts(test.value), text)) !== test.negated;
    case 'format':
      return matches(patternTexts(patternOf(test)), text);
  }
}

/** Returns true if no string passes all tests. Returns false if some string may pass, or if the answer would take long to find. */
export function noneOf(tests: readonly TextTest[]): boolean {
  const { least, most } = boundsOf(tests);
  if (least > most) return true;
  const values = listedValues<string>(tests);
  if (values !== undefined) return !values.some((value) => hasText(value, tests));
  const shaping = tests.filter(({ test }) => test !== 'minLength' && test !== 'maxLength');
  return shaping.length > 1 && isEmpty(textsOf(shaping));
}

/** The strings that pass all tests, if a test lists the allowed strings. Undefined if no test lists them. */
export function textsAmong(tests: readonly TextTest[]): readonly string[] | undefined {
  return listedValues<string>(tests)?.filter((value) => hasText(value, tests));
}

/** The strings that pass all tests, in quotes. Throws a ConstraintFault if the tests together are too large. */
export function strings(tests: readonly TextTest[]): Expression {
  const { least, most } = boundsOf(tests);
  if (least > most) return impossible;
  const values = textsAmong(tests);
  if (values !== undefined) return oneOf(values.map((value) => JSON.stringify(value)));
  const sized = least > 0 || most < Number.POSITIVE_INFINITY;
  const [shaping, ...more] = tests.filter(({ test }) => test !== 'minLength' && test !== 'maxLength');
  if (shaping === undefined) return sized ? jsonString(least, most) : anyString;
  return sequence(text('"'), inside(), text('"'));

  function inside(): Expression {
    if (shaping !== undefined && 'path' in shaping && !isNegated(shaping) && more.length === 0 && !sized) {
      const pattern = patternOf(shaping);
      // A single pattern becomes an expression instead of an automaton, so that its counts stay counts.
      if (pattern.length <= LONGEST_PATTERN)
        return within(shaping.path, () => regexExpression(pattern, { spelling: 'quoted', whole: false }));
    }
    return language(textsOf(tests), 'quoted', { least, most });
  }
}

/** The strings that pass all tests, without quotes and escapes. Strings that one of the patterns `without` matches are left out. */
export function plainStrings(tests: readonly TextTest[], without: readonly string[]): Expression {
  const { least, most } = boundsOf(tests);
  if (least > most) return impossible;
  const all = without.reduce((texts, pattern) => difference(texts, patternTexts(pattern)), textsOf(tests));
  return language(all, 'itself', { least, most });
}
