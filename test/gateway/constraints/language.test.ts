// The automata of patterns, lists, lengths and numbers. They are compared with JavaScript's own regular expressions, with sets
// and with arithmetic.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dfaOf } from '../../../gateway/constraints/language/determinize.ts';
import {
  type Dfa,
  difference,
  everyText,
  intersection,
  isEmpty,
  listed,
  matches,
  noText,
  unionOf,
} from '../../../gateway/constraints/language/dfa.ts';
import { lengthsOf, textsOfLength } from '../../../gateway/constraints/language/lengths.ts';
import { anywhere, readPattern } from '../../../gateway/constraints/language/pattern.ts';
import { withinStates } from '../../../gateway/constraints/reading/budget.ts';
import { hasNumber, type NumberTest, numberTexts } from '../../../gateway/constraints/schema/numbers.ts';
import { open, write } from './writer.ts';

const opposite = (dfa: Dfa) => difference(everyText, dfa);

/** The automaton of one text, without the functions under test. */
const exactly = (text: string): Dfa => {
  const points = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  const states = points.map((point, i) => ({ accepting: false, edges: [[point, point, i + 1]] as const }));
  return [...states, { accepting: true, edges: [] }];
};

const found = (pattern: string): Dfa => dfaOf(anywhere(readPattern(pattern)));

/** Few characters, so that random texts match often: word characters and others, of one and of several bytes, and a line break. */
const LETTERS = [...'aab1_ -.é😀\n'];
const text = fc.string({ unit: fc.constantFrom(...LETTERS), maxLength: 7 });

const patterns = [
  '',
  'a',
  '^a',
  'a$',
  '^a|1$',
  '^(a|b1)*$',
  '^(?:a{2}|b){1,3}$',
  '^[^a-z]+$',
  '.a.',
  '^\\w+$',
  '\\W\\S',
  '^\\s*$',
  '\\ba',
  'a\\b',
  '^\\B',
  '\\b\\B',
  '^a\\b.\\bb$',
  '\\Ba\\B|^$',
  '^(?=.*1)(?=.*a)[ab1]+$',
  '(?!a)b',
  '^(?!.*aa).*$',
  '^(?!a$|b$)\\w*$',
  '^a(?=b|$)[^1]*$',
  '(?=a)(?!ab)',
  '^(?:(?!_)[ab_1])*$',
  '(^|-)a($|\\.)',
  '^(^a|b)$|$a',
  '^(a?){3}$',
  '^(a|aa|)+b?$',
  '^\\p{L}+$',
  '^\\P{L}*$',
  '\\p{Emoji_Presentation}',
  '^\\p{Script=Latin}{2}$',
  '^[\\p{Ll}\\d]+$',
  '^[^\\p{L}]$',
  '^.$',
  '^..$',
  'é|😀$',
  '[-.]',
  '^[\\w.-]+$',
  '^\\u{1f600}',
  '^\\ud83d\\ude00$',
  'a+?b*?',
];

describe('the automaton of a pattern', () => {
  it.each(patterns)('accepts exactly the texts that the RegExp of JavaScript matches: %s', (pattern) => {
    const own = new RegExp(pattern, 'u');
    const dfa = found(pattern);
    fc.assert(
      fc.property(text, (each) => {
        expect([each, matches(dfa, each)]).toEqual([each, own.test(each)]);
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it('accepts exactly the texts that the RegExp of JavaScript matches, for random patterns', () => {
    const { pattern } = fc.letrec<{ pattern: string; atom: string; item: string }>((tie) => ({
      atom: fc.oneof(
        fc.constantFrom('a', 'b', '1', '_', '.', '\\w', '\\W', '[^a]', '[ab1]', ' ', 'é'),
        fc.constantFrom('^', '$', '\\b', '\\B'),
        tie('pattern').map((each) => `(?:${each})`),
      ),
      item: fc.oneof(
        { weight: 3, arbitrary: tie('atom') },
        {
          weight: 2,
          arbitrary: fc
            .tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '{0,3}'))
            .map(([each, count]) => `(?:${each})${count}`),
        },
      ),
      pattern: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        tie('item'),
        fc.array(tie('item'), { minLength: 1, maxLength: 3 }).map((all) => all.join('')),
        fc.tuple(tie('pattern'), tie('pattern')).map((all) => all.join('|')),
      ),
    }));
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 30, maxLength: 30 }), (each, texts) => {
        const own = new RegExp(each, 'u');
        const dfa = found(each);
        for (const one of texts) expect([each, one, matches(dfa, one)]).toEqual([each, one, own.test(one)]);
      }),
      { seed: 12, numRuns: 300 },
    );
  });

  it('accepts exactly the texts that the RegExp of JavaScript matches, for patterns with lookahead', () => {
    const ahead = fc.constantFrom('a', 'ab', '.*1', '$', 'a*$', '[^b]{2}', '(?:a|b1)', '.{3}');
    const look = fc.tuple(fc.constantFrom('?=', '?!'), ahead).map(([kind, of]) => `(${kind}${of})`);
    const item = fc.oneof(look, fc.constantFrom('a', 'b?', '.', '\\w*', '[^1]', '(?:ab|1)*'));
    const whole = fc.array(item, { minLength: 1, maxLength: 4 }).map((all) => `^${all.join('')}$`);
    fc.assert(
      fc.property(whole, fc.array(text, { minLength: 30, maxLength: 30 }), (each, texts) => {
        const own = new RegExp(each, 'u');
        const dfa = found(each);
        for (const one of texts) expect([each, one, matches(dfa, one)]).toEqual([each, one, own.test(one)]);
      }),
      { seed: 13, numRuns: 200 },
    );
  });

  it('is refused with a reason, within a short time, if it would be too large', () => {
    expect(() => found('a.{20}b.{20}a')).toThrow('more than 10000 states');
    expect(() => found('(((a{99}){99}){99})')).toThrow('too large');
    expect(() => withinStates(50, () => found('a{60}'))).toThrow('together are too large');
  });
});

describe('sets of texts', () => {
  const few = fc.constantFrom(...patterns).map((pattern) => ({ pattern, dfa: found(pattern) }));
  const in_ = ({ pattern }: { pattern: string }, each: string) => new RegExp(pattern, 'u').test(each);

  it('obey the laws of union, intersection and complement', () => {
    fc.assert(
      fc.property(few, few, fc.array(text, { minLength: 20, maxLength: 20 }), (a, b, texts) => {
        const both = intersection(a.dfa, b.dfa);
        const either = unionOf(a.dfa, b.dfa);
        const without = difference(a.dfa, b.dfa);
        const not = opposite(a.dfa);
        for (const each of texts) {
          const [inA, inB] = [in_(a, each), in_(b, each)];
          expect([each, matches(both, each)]).toEqual([each, inA && inB]);
          expect([each, matches(either, each)]).toEqual([each, inA || inB]);
          expect([each, matches(without, each)]).toEqual([each, inA && !inB]);
          expect([each, matches(not, each)]).toEqual([each, !inA]);
        }
        expect(isEmpty(difference(both, either))).toBe(true);
        expect(isEmpty(intersection(a.dfa, not))).toBe(true);
        expect(isEmpty(difference(opposite(not), a.dfa))).toBe(true);
        expect(isEmpty(difference(a.dfa, opposite(not)))).toBe(true);
      }),
      { seed: 14, numRuns: 150 },
    );
  });

  it('made of listed texts accept exactly these texts', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), text, (all, each) => {
        const dfa = listed(all);
        for (const one of all) expect(matches(dfa, one)).toBe(true);
        expect(matches(dfa, each)).toBe(all.includes(each));
        expect(matches(exactly(each), each)).toBe(true);
        expect(isEmpty(difference(exactly(each), dfa))).toBe(all.includes(each));
      }),
      { seed: 15, numRuns: 200 },
    );
  });

  it('are recognised if they accept no text or every text', () => {
    expect(isEmpty(noText)).toBe(true);
    expect(isEmpty(everyText)).toBe(false);
    expect(isEmpty(opposite(everyText))).toBe(true);
    expect(isEmpty(found('^a$b'))).toBe(true);
    expect(isEmpty(found('a(?!a)(?=a)'))).toBe(true);
    expect(isEmpty(intersection(found('^a*$'), found('^b+$')))).toBe(true);
    expect(isEmpty(opposite(found('')))).toBe(true);
  });
});

describe('lengths', () => {
  it('are exactly those of the texts that an automaton accepts', () => {
    for (const pattern of ['^(ab|cde)*$', '^(aaaa|aaaaaaa)+$', '^a{3}$', '^(a{5})*b?$', '^$', 'x']) {
      const dfa = found(pattern);
      const lengths = lengthsOf(dfa);
      for (let least = 0; least <= 24; least++) {
        for (const most of [least, least + 1, least + 3, Number.POSITIVE_INFINITY]) {
          const some = !isEmpty(intersection(dfa, textsOfLength(least, most)));
          expect([pattern, least, most, lengths.reaches(0, least, most)]).toEqual([
            pattern,
            least,
            most,
            some,
          ]);
        }
      }
    }
  });

  it('count characters, not bytes or halves of surrogate pairs', () => {
    fc.assert(
      fc.property(text, fc.nat(8), fc.nat(8), (each, least, more) => {
        const { length } = Array.from(each);
        expect(matches(textsOfLength(least, least + more), each)).toBe(
          length >= least && length <= least + more,
        );
        expect(matches(textsOfLength(least, Number.POSITIVE_INFINITY), each)).toBe(length >= least);
      }),
      { seed: 16, numRuns: 300 },
    );
  });

  it.each([
    ['^(ab|cde)*$', 7, 7],
    ['^(ab|cde)*$', 4, 5],
    ['^(aaaa|aaaaaaa)+$', 11, 12],
    ['^(?:[a-c]{5})*$', 13, 19],
    ['^(é😀|"")*$', 5, 6],
    ['^x?(yz|😀{4})+$', 30, 31],
  ])(
    'never lead to a state from which a text of the pattern %s cannot end (%i to %i characters)',
    (pattern, minLength, maxLength) => {
      const schema = JSON.stringify({ type: 'string', pattern, minLength, maxLength });
      for (let seed = 0; seed < 8; seed++) {
        const written = write(open({ type: 'json_schema', schema }), { seed });
        expect(written.finished, written.text).toBe(true);
        const value: string = JSON.parse(written.text);
        expect(value).toMatch(new RegExp(pattern, 'u'));
        expect(Array.from(value).length).toBeGreaterThanOrEqual(minLength);
        expect(Array.from(value).length).toBeLessThanOrEqual(maxLength);
      }
    },
  );

  it('cause a fault before the first character if no text that matches the pattern has such a length', () => {
    const schema = JSON.stringify({ type: 'string', pattern: '^(aaa)*$', minLength: 4, maxLength: 5 });
    expect(() => open({ type: 'json_schema', schema })).toThrow('no value satisfies it');
  });
});

describe('numbers', () => {
  /** The number in thousandths, so that the arithmetic of the test is exact. */
  const thousandths = fc.oneof(
    fc.integer({ min: -3000, max: 3000 }),
    fc.integer({ min: -9_999_999, max: 9_999_999 }),
  );
  const written = (value: number) => String(value / 1000);
  type Exact = (value: number) => boolean;
  const test = fc.oneof(
    fc.constant<[NumberTest, Exact]>([{ test: 'integer', negated: false }, (value) => value % 1000 === 0]),
    fc.constant<[NumberTest, Exact]>([{ test: 'integer', negated: true }, (value) => value % 1000 !== 0]),
    fc
      .tuple(fc.constantFrom(5, 7, 10, 25, 30, 100, 250, 1500, 4000), fc.boolean())
      .map(([of, negated]): [NumberTest, Exact] => [
        { test: 'multipleOf', value: of / 1000, negated },
        (value) => (value % of === 0) !== negated,
      ]),
    fc
      .tuple(thousandths, fc.boolean())
      .map(([bound, exclusive]): [NumberTest, Exact] => [
        { test: 'minimum', value: bound / 1000, exclusive },
        (value) => value > bound || (!exclusive && value === bound),
      ]),
    fc
      .tuple(thousandths, fc.boolean())
      .map(([bound, exclusive]): [NumberTest, Exact] => [
        { test: 'maximum', value: bound / 1000, exclusive },
        (value) => value < bound || (!exclusive && value === bound),
      ]),
    fc
      .tuple(fc.array(thousandths, { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([all, negated]): [NumberTest, Exact] => [
        { test: 'among', values: all.map((each) => each / 1000), negated },
        (value) => all.includes(value) !== negated,
      ]),
  );

  it('are accepted exactly if they pass the tests by arithmetic', () => {
    fc.assert(
      fc.property(
        fc.array(test, { maxLength: 3 }),
        fc.array(thousandths, { maxLength: 20 }),
        (all, values) => {
          const tests = all.map(([each]) => each);
          const dfa = numberTexts(tests);
          // Errors are most likely at the bounds and values of the tests.
          const near = tests.flatMap((each) =>
            'exclusive' in each ? [each.value] : each.test === 'among' ? each.values : [],
          );
          const ends = near.flatMap((each) => [-1, 0, 1].map((by) => Math.round(each * 1000) + by));
          for (const value of [...values, ...ends, 0]) {
            const right = all.every(([, exact]) => exact(value));
            const said = `${JSON.stringify(tests)} ${written(value)}`;
            expect([said, matches(dfa, written(value))]).toEqual([said, right]);
            expect([said, hasNumber(value / 1000, tests)]).toEqual([said, right]);
            if (value % 1000 !== 0) expect([said, matches(dfa, `${written(value)}0`)]).toEqual([said, right]);
          }
        },
      ),
      { seed: 17, numRuns: 300 },
    );
  });

  it('are written as in JSON, and 0 without a sign', () => {
    const any = numberTexts([{ test: 'minimum', value: -1e15, exclusive: false }]);
    for (const each of ['0', '-1', '10', '0.0', '1.50', '-0.25', '999999999999999'])
      expect([each, matches(any, each)]).toEqual([each, true]);
    for (const each of ['-0', '-0.0', '01', '-01', '1.', '.5', '+1', '', '-', '1e5', '1.2.3', '--1'])
      expect([each, matches(any, each)]).toEqual([each, false]);
  });

  it('have no more digits than a double can distinguish if the exact number matters', () => {
    const [not, half] = [
      numberTexts([{ test: 'integer', negated: true }]),
      numberTexts([{ test: 'multipleOf', value: 0.003, negated: false }]),
    ];
    for (const each of ['0.5', '12345678901234.5', '0.000000000000001', '-3.25'])
      expect([each, matches(not, each)]).toEqual([each, true]);
    // JSON.parse reads these as whole numbers.
    for (const each of ['202060000000000.000000000000001', '2.0000000000000001', '123456789012345.01'])
      expect([each, matches(not, each)]).toEqual([each, false]);
    expect(matches(half, '0.003')).toBe(true);
    expect(matches(half, '333333333333333.333')).toBe(false);
  });

  it('are on the right side of a bound after they are parsed as doubles', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 15 });
    const tests: NumberTest[] = [
      { test: 'minimum', value: 0.1, exclusive: true },
      { test: 'maximum', value: 0.3, exclusive: true },
    ];
    const dfa = numberTexts(tests);
    const beside = fc.constantFrom('0.1', '0.2', '0.3', '0.0', '0.29', '0.10');
    fc.assert(
      fc.property(beside, digits, (begun, more) => {
        const each = begun + more;
        if (matches(dfa, each)) expect(hasNumber(Number(each), tests), each).toBe(true);
      }),
      { seed: 18, numRuns: 500 },
    );
    for (const each of ['0.1000000000000000', '0.3000000000000000', '0.299999999999999999999'])
      expect([each, matches(dfa, each)]).toEqual([each, false]);
  });
});
