// What is left of a model's text for the terminal.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PlainText } from '../../../cli/chat/plain-text.ts';

const plain = (...pieces: string[]) => {
  const text = new PlainText();
  return pieces.map((piece) => text.push(piece)).join('');
};

test('ordinary text stays, in any script, with line ends and tabs', () => {
  const text = 'a\tb\nZoë 日本 🙂 [31m ]0;x';
  expect(plain(text)).toBe(text);
});

test.each([
  ['colours', 'a\x1b[31;1mred\x1b[0m', 'ared'],
  ['the cursor', 'a\x1b[2J\x1b[H\x1b[?25lb', 'ab'],
  ['a title, ended by a bell', 'a\x1b]0;owned\x07b', 'ab'],
  ['a link, ended by a string terminator', 'a\x1b]8;;http://x\x1b\\b', 'ab'],
  ['a device control string', 'a\x1bP$q"p\x1b\\b', 'ab'],
  ['two-character escapes', 'a\x1bc\x1b7b', 'ab'],
  ['their one-byte forms', 'a\x9b31mb\x9d0;t\x9cc', 'abc'],
  ['carriage returns, backspaces, bells', 'safe\r\x08\x07evil', 'safeevil'],
  ['a string that never ends, to the end of its line', 'a\x1b]0;x\nb', 'a\nb'],
  ['a sequence that is none', 'a\x1b[3\nb', 'a\nb'],
])('%s are taken out', (_, text, left) => {
  expect(plain(text)).toBe(left);
});

const pieces = fc.array(
  fc.oneof(
    fc.constantFrom('\x1b', '[', ']', '\x07', '\\', '\x9b', '\x9d', ';', '3', 'm', '\n', 'P', '\r'),
    fc.string(),
  ),
);

test('whatever comes, nothing that drives a terminal is left', () => {
  fc.assert(
    fc.property(pieces, (all) => {
      expect(plain(all.join(''))).not.toMatch(/[^\P{Cc}\n\t]/u);
    }),
    { seed: 6, numRuns: 500 },
  );
});

test('where the pieces are cut makes no difference', () => {
  fc.assert(
    fc.property(pieces, (all) => {
      expect(plain(...all)).toBe(plain(all.join('')));
    }),
    { seed: 7, numRuns: 500 },
  );
});
