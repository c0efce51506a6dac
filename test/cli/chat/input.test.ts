// How typed and pasted lines become messages and commands.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Input, InputLines } from '../../../cli/chat/input.ts';

/** The input that the last line completes. Expects that all earlier lines leave it unfinished. */
function entered(...lines: string[]): Input | undefined {
  const input = new InputLines();
  for (const line of lines.slice(0, -1)) {
    expect(input.push(line)).toBeUndefined();
    expect(input.unfinished).toBe(true);
  }
  const whole = input.push(lines.at(-1) ?? '');
  expect(input.unfinished).toBe(false);
  return whole;
}
const message = (text: string) => ({ type: 'message', text });

test('a line is a message, without spaces at its start and end', () => {
  expect(entered('  Good morning. ')).toEqual(message('Good morning.'));
});

test('an empty line is no message', () => {
  expect(entered('   ')).toBeUndefined();
  expect(entered('"""', '"""')).toBeUndefined();
});

test('a line that ends in a backslash continues on the next line', () => {
  expect(entered('one\\', 'two\\', 'three')).toEqual(message('one\ntwo\nthree'));
});

test('the lines between two """ are one unchanged message', () => {
  expect(entered('"""', '  /help', 'a \\', '', '"""')).toEqual(message('  /help\na \\\n'));
  expect(entered('"""first', 'last"""')).toEqual(message('first\nlast'));
  expect(entered('"""one line"""')).toEqual(message('one line'));
});

test('a slash begins a command, and the rest of the line is its argument', () => {
  expect(entered('/system  You are a poet. ')).toEqual({
    type: 'command',
    name: 'system',
    rest: 'You are a poet.',
  });
  expect(entered('/exit')).toEqual({ type: 'command', name: 'exit', rest: '' });
});

test('two slashes begin a message that starts with one slash', () => {
  expect(entered('//etc/hosts is a file')).toEqual(message('/etc/hosts is a file'));
});

test('a later line of a message is never a command', () => {
  expect(entered('what does this do?\\', '/exit')).toEqual(message('what does this do?\n/exit'));
});

test('pasted lines and the text typed after them are one message, with backslashes unchanged', () => {
  const input = new InputLines();
  expect(input.push('/clear \\', { inPaste: true })).toBeUndefined();
  expect(input.push('second', { inPaste: true })).toBeUndefined();
  expect(input.push('third, and typed')).toEqual(message('/clear \\\nsecond\nthird, and typed'));
});

test('drop removes an unfinished message', () => {
  const input = new InputLines();
  input.push('"""');
  input.push('forget me');
  input.drop();
  expect(input.unfinished).toBe(false);
  expect(input.push('new')).toEqual(message('new'));
});

test('any text between two """ is unchanged', () => {
  const line = fc.string().filter((text) => !/[\r\n]/.test(text) && !text.includes('"'));
  fc.assert(
    fc.property(fc.array(line, { minLength: 1 }), (lines) => {
      fc.pre(lines.join('\n') !== '');
      expect(entered('"""', ...lines, '"""')).toEqual(message(lines.join('\n')));
    }),
    { seed: 5 },
  );
});
