// Sets of strings, described by tests: patterns, formats, lengths, values.

import { ConstraintFault, within } from '../fault.ts';
import { type Expression, impossible, language, oneOf, sequence, text } from '../grammar/expression.ts';
import { anyString, jsonString } from '../grammar/json-text.ts';
import { regexExpression } from '../grammar/regex.ts';
import { dfaOf } from '../language/determinize.ts';
import { type Dfa, difference, everyText, intersection, isEmpty, listed, matches } from '../language/dfa.ts';
import { textsOfLength } from '../language/lengths.ts';
import { anywhere, readPattern } from '../language/pattern.ts';
import { formats } from './formats.ts';
import { setOf } from './shapes/values.ts';

/** A test that a string must pass, or fail if `negated`. `path` is that of the keyword, for errors. */
export type TextTest =
  | { test: 'pattern'; value: string; negated: boolean; path: string }
  | { test: 'format'; value: string; path: string }
  | { test: 'among'; values: readonly string[]; negated: boolean }
  | { test: 'minLength' | 'maxLength'; value: number };

/** Most characters of a pattern. */
const LONGEST_PATTERN = 10_000;
const MOST_READ = 500;
const read = new Map<string, Dfa>();

/** Texts that match a pattern anywhere. Throws a ConstraintFault if the pattern cannot be read or is too large. */
export function patternTexts(pattern: string): Dfa {
  const known = read.get(pattern);
  if (known !== undefined) return known;
  if (pattern.length > LONGEST_PATTERN) {
    throw new ConstraintFault(`it has more than ${LONGEST_PATTERN} characters`);
  }
  const texts = dfaOf(anywhere(readPattern(pattern)));
  if (read.size >= MOST_READ) read.clear();
  read.set(pattern, texts);
  return texts;
}

/** The pattern of a test, if it has one. */
function patternOf(test: TextTest): string | undefined {
  if (test.test === 'pattern') return test.negated ? undefined : test.value;
  return test.test === 'format' ? `^(?:${formats[test.value]})$` : undefined;
}

/** Texts that pass all tests except those of length. */
function textsOf(tests: readonly TextTest[]): Dfa {
  let texts = everyText;
  for (const test of tests) {
    if (test.test === 'pattern') {
      const own = within(test.path, () => patternTexts(test.value));
      texts = within(test.path, () => (test.negated ? difference(texts, own) : intersection(texts, own)));
    } else if (test.test === 'format') {
      texts = within(test.path, () => intersection(texts, patternTexts(patternOf(test) ?? '')));
    } else if (test.test === 'among') {
      const own = listed(test.values);
      texts = test.negated ? difference(texts, own) : intersection(texts, own);
    }
  }
  return texts;
}

/** In characters, which are code points. */
function lengthsAsked(tests: readonly TextTest[]): { least: number; most: number } {
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
  const { least, most } = lengthsAsked(tests);
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
      return matches(patternTexts(patternOf(test) ?? ''), text);
  }
}

/** Whether no string passes, as far as that is cheap to find out. */
export function noneOf(tests: readonly TextTest[]): boolean {
  const { least, most } = lengthsAsked(tests);
  if (least > most) return true;
  const values = valuesAmong(tests);
  if (values !== undefined) return !values.some((value) => hasText(value, tests));
  const shaping = tests.filter(({ test }) => test !== 'minLength' && test !== 'maxLength');
  return shaping.length > 1 && isEmpty(textsOf(shaping));
}

/** The values that pass all tests, if one test lists values. Undefined if none does. */
export function valuesAmong<Value>(
  tests: readonly { test: string; values?: readonly Value[]; negated?: boolean }[],
): readonly Value[] | undefined {
  return tests.find(({ test, negated }) => test === 'among' && negated === false)?.values;
}

/** A string in quotes. Throws a ConstraintFault if the tests together are too large. */
export function strings(tests: readonly TextTest[]): Expression {
  const { least, most } = lengthsAsked(tests);
  if (least > most) return impossible;
  const values = valuesAmong<string>(tests as readonly TextTest[]);
  if (values !== undefined) {
    return oneOf(values.filter((value) => hasText(value, tests)).map((value) => JSON.stringify(value)));
  }
  const sized = least > 0 || most < Number.POSITIVE_INFINITY;
  const [shaping, ...more] = tests.filter(({ test }) => test !== 'minLength' && test !== 'maxLength');
  if (shaping === undefined) return sized ? jsonString(least, most) : anyString;
  return sequence(text('"'), inside(), text('"'));

  function inside(): Expression {
    const alone = more.length === 0 && !sized ? shaping : undefined;
    const pattern = alone === undefined ? undefined : patternOf(alone);
    // The pattern is followed as it is written, so its counts stay counts.
    if (
      alone !== undefined &&
      'path' in alone &&
      pattern !== undefined &&
      pattern.length <= LONGEST_PATTERN
    ) {
      return within(alone.path, () => regexExpression(pattern, { spelling: 'quoted', whole: false }));
    }
    return language(textsOf(tests), 'quoted', { least, most });
  }
}
