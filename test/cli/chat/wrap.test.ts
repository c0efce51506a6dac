// Wrapping of text that arrives in pieces, for any pieces, characters and sizes of the terminal.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { cellsOf, WordWrap, wrapWords } from '../../../cli/chat/wrap.ts';

function inPieces(pieces: readonly string[], columns: number | (() => number)): string {
  const wrap = new WordWrap(typeof columns === 'number' ? () => columns : columns);
  return pieces.map((piece) => wrap.push(piece)).join('') + wrap.end();
}

const cellsOfLine = (line: string) =>
  Array.from(new Intl.Segmenter().segment(line), ({ segment }) => cellsOf(segment)).reduce(
    (a, b) => a + b,
    0,
  );

describe('a line', () => {
  it.each([
    ['ends between words', 'the quick brown fox jumps', 'the quick\nbrown fox\njumps'],
    ['may use its last cell', 'brown foxes jump', 'brown\nfoxes jump'],
    ['keeps its line end and its indentation', 'a\n\n  b c\n', 'a\n\n  b c\n'],
    ['loses the spaces at which it is wrapped', 'quick     brown', 'quick\nbrown'],
    [
      'with a word that is longer than the terminal is broken by the terminal',
      'x https://example.com/a y',
      'x\nhttps://example.com/a y',
    ],
    ['may end between wide characters', '中文字符测试一二', '中文字符测\n试一二'],
    ['does not begin with closing punctuation', '中文字符测。试', '中文字符\n测。试'],
    ['may end between a wide and a narrow character', '中文字abcdefg', '中文字\nabcdefg'],
    ['counts combining marks as 0 cells', 'cafe\u0301s cafe\u0301s', 'cafe\u0301s\ncafe\u0301s'],
    ['counts an emoji as 2 cells, also if it has several code points', '👩‍👩‍👧 🇩🇪 ❤️ 1️⃣ x', '👩‍👩‍👧 🇩🇪 ❤️\n1️⃣ x'],
  ])('%s', (_what, text, broken) => {
    expect(wrapWords(text, 10)).toBe(broken);
  });
});

test('push returns a word when its end is known', () => {
  const wrap = new WordWrap(() => 80);
  expect(wrap.push('The old')).toBe('The');
  expect(wrap.push(' man')).toBe(' old');
  expect(wrap.push(' ')).toBe(' man');
  expect(wrap.push('\n')).toBe('\n');
  expect(wrap.end()).toBe('');
});

test('for any pieces, the lines are the same, none exceeds the terminal, and no word is broken or lost', () => {
  const word = fc.oneof(
    fc.stringMatching(/^[a-z]{1,9}[.,]?$/),
    fc.constantFrom('中', '文字', '日本語。', '한국', 'né', 'e\u0301te\u0301', '👍🏽', '🇩🇪', 'ﾊﾝｶｸ'),
  );
  const text = fc
    .array(fc.tuple(word, fc.constantFrom(' ', ' ', ' ', '  ', '\n')))
    .map((all) => all.flat().join(''));
  fc.assert(
    fc.property(
      text,
      fc.integer({ min: 12, max: 40 }),
      fc.array(fc.nat({ max: 40 })),
      (whole, columns, cuts) => {
        const characters = Array.from(whole);
        const inside = cuts.filter((cut) => cut < characters.length);
        const at = [...new Set([0, ...inside, characters.length])].sort((a, b) => a - b);
        const pieces = at.slice(1).map((end, i) => characters.slice(at[i], end).join(''));
        const broken = inPieces(pieces, columns);
        expect(broken).toBe(wrapWords(whole, columns));
        for (const line of broken.split('\n')) expect(cellsOfLine(line)).toBeLessThanOrEqual(columns);
        expect(broken.replace(/\s/g, '')).toBe(whole.replace(/\s/g, ''));
        for (const each of whole.match(/[a-z]+/g) ?? []) expect(broken).toContain(each);
      },
    ),
    { numRuns: 200 },
  );
});

test('lines have the new width after the terminal has changed its size', () => {
  let columns = 20;
  const wrap = new WordWrap(() => columns);
  const first = wrap.push('one two three four five six ');
  columns = 9;
  const rest = wrap.push('seven eight nine ten ') + wrap.end();
  expect(first).toBe('one two three four\nfive six');
  expect(rest).toBe('\nseven\neight\nnine ten ');
});
