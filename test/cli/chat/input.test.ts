// What lines become in a chat: messages, commands, or a part of something.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Input, InputLines } from '../../../cli/chat/input.ts';

/** What all lines but the last leave unfinished, and the last completes. */
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

test('a line is a message, without the spaces about it', () => {
  expect(entered('  Good morning. ')).toEqual(message('Good morning.'));
});

test('nothing typed is nothing said', () => {
  expect(entered('   ')).toBeUndefined();
  expect(entered('"""', '"""')).toBeUndefined();
});

test('a line that ends in a backslash goes on', () => {
  expect(entered('one\\', 'two\\', 'three')).toEqual(message('one\ntwo\nthree'));
});

test('all between fences is one message, as it stands', () => {
  expect(entered('"""', '  /help', 'a \\', '', '"""')).toEqual(message('  /help\na \\\n'));
  expect(entered('"""first', 'last"""')).toEqual(message('first\nlast'));
  expect(entered('"""one line"""')).toEqual(message('one line'));
});

test('a slash begins a command, with the rest of its line', () => {
  expect(entered('/system  You are a poet. ')).toEqual({
    type: 'command',
    name: 'system',
    rest: 'You are a poet.',
  });
  expect(entered('/exit')).toEqual({ type: 'command', name: 'exit', rest: '' });
});

test('two slashes begin a message with one', () => {
  expect(entered('//etc/hosts is a file')).toEqual(message('/etc/hosts is a file'));
});

test('a second line of a message is no command', () => {
  expect(entered('what does this do?\\', '/exit')).toEqual(message('what does this do?\n/exit'));
});

test('what is pasted is one message with what is typed behind it, backslashes and all', () => {
  const input = new InputLines();
  expect(input.push('/clear \\', { inPaste: true })).toBeUndefined();
  expect(input.push('second', { inPaste: true })).toBeUndefined();
  expect(input.push('third, and typed')).toEqual(message('/clear \\\nsecond\nthird, and typed'));
});

test('what was begun can be dropped', () => {
  const input = new InputLines();
  input.push('"""');
  input.push('forget me');
  input.drop();
  expect(input.unfinished).toBe(false);
  expect(input.push('new')).toEqual(message('new'));
});

test('any text survives fences', () => {
  const line = fc.string().filter((text) => !/[\r\n]/.test(text) && !text.includes('"'));
  fc.assert(
    fc.property(fc.array(line, { minLength: 1 }), (lines) => {
      fc.pre(lines.join('\n') !== '');
      expect(entered('"""', ...lines, '"""')).toEqual(message(lines.join('\n')));
    }),
    { seed: 5 },
  );
});
