// The removal of control characters and escape sequences from a model's text.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PlainText } from '../../../cli/chat/plain-text.ts';

const plain = (...pieces: string[]) => {
  const text = new PlainText();
  return pieces.map((piece) => text.push(piece)).join('');
};

test('printable text in any script, line ends and tabs stay', () => {
  const text = 'a\tb\nZoë 日本 🙂 [31m ]0;x';
  expect(plain(text)).toBe(text);
});

test.each([
  ['colour sequences', 'a\x1b[31;1mred\x1b[0m', 'ared'],
  ['cursor sequences', 'a\x1b[2J\x1b[H\x1b[?25lb', 'ab'],
  ['a title, ended by a bell', 'a\x1b]0;owned\x07b', 'ab'],
  ['a link, ended by a string terminator', 'a\x1b]8;;http://x\x1b\\b', 'ab'],
  ['a device control string', 'a\x1bP$q"p\x1b\\b', 'ab'],
  ['two-character escapes', 'a\x1bc\x1b7b', 'ab'],
  ['one-byte forms of sequences', 'a\x9b31mb\x9d0;t\x9cc', 'abc'],
  ['carriage returns, backspaces, bells', 'safe\r\x08\x07evil', 'safeevil'],
  ['the rest of a line with an unfinished string', 'a\x1b]0;x\nb', 'a\nb'],
  ['the start of an invalid sequence', 'a\x1b[3\nb', 'a\nb'],
])('removes %s', (_, text, left) => {
  expect(plain(text)).toBe(left);
});

const pieces = fc.array(
  fc.oneof(
    fc.constantFrom('\x1b', '[', ']', '\x07', '\\', '\x9b', '\x9d', ';', '3', 'm', '\n', 'P', '\r'),
    fc.string(),
  ),
);

test('no control character except line ends and tabs is left in any text', () => {
  fc.assert(
    fc.property(pieces, (all) => {
      expect(plain(all.join(''))).not.toMatch(/[^\P{Cc}\n\t]/u);
    }),
    { seed: 6, numRuns: 500 },
  );
});

test('the result is the same for any division of the text into pieces', () => {
  fc.assert(
    fc.property(pieces, (all) => {
      expect(plain(...all)).toBe(plain(all.join('')));
    }),
    { seed: 7, numRuns: 500 },
  );
});
