// Translation of Lark grammars to regular expressions.
import { describe, expect, test } from 'vitest';
import { larkPattern } from '../../../../gateway/api/responses/tools/lark-pattern.ts';

describe('larkPattern', () => {
  test.each<[string, string[], string[]]>([
    ['start: "a" | "b"', ['a', 'b'], ['', 'ab']],
    ['start: ("a" "b")+ ["c"]', ['ab', 'ababc'], ['c', 'a']],
    ['?start: word ~ 2..3 -> words\nword: /[x-z]/', ['xy', 'xyz'], ['x', 'xyzx']],
    ['start: "0".."9"+ // digits\n     | WS_INLINE\n%import common.WS_INLINE', ['12', '\t '], ['a']],
    ['start.2: A\nA: "*" "\\n" "-"', ['*\n-'], ['\n-']],
    ['start: one\n  | two\none: "1"\ntwo: "2"', ['1', '2'], ['3']],
  ])('the pattern of %j matches the same texts', (grammar, inside, outside) => {
    const pattern = new RegExp(`^${larkPattern(grammar)}$`);
    expect(inside.filter((text) => !pattern.test(text))).toEqual([]);
    expect(outside.filter((text) => pattern.test(text))).toEqual([]);
  });

  test.each([
    ['a recursive rule', 'start: "(" start? ")"'],
    ['a grammar that ignores text between terminals', 'start: "a"\n%ignore " "'],
    ['a rule that is missing', 'start: other'],
    ['a string that ignores case', 'start: "a"i'],
    ['a pattern with flags', 'start: /a/i'],
    ['a text that is not a grammar', 'hello {'],
    ['an import from elsewhere', 'start: X\n%import mine.X'],
    ['groups that are nested too deeply', `start: ${'('.repeat(5_000)}`],
    [
      'a grammar whose pattern would be too long',
      `start: a a\n${'abcdefgh'.replaceAll(/./g, (c) => `${c}: ${`${String.fromCharCode(c.charCodeAt(0) + 1)} `.repeat(9)}\n`)}i: "x"`,
    ],
    ['a grammar that is too long', `start: "${'a'.repeat(70_000)}"`],
  ])('returns undefined for %s', (_, grammar) => {
    expect(larkPattern(grammar)).toBeUndefined();
  });
});
