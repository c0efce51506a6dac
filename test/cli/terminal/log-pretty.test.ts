// Checks log lines for people: local time, level, message, fields and the stack of an error.
import { expect, it } from 'vitest';
import { prettyLine } from '../../../cli/terminal/log-pretty.ts';

const event = { level: 'warn', time: '2026-01-31T12:34:56.789Z', msg: 'a shard is late' };
const pretty = (fields: object) => prettyLine(JSON.stringify(fields), { colour: false });
const clock = new Date(event.time).toTimeString().slice(0, 8);

it.each([
  [event, `${clock} warn  a shard is late\n`],
  [
    { ...event, shard: '127.0.0.1:7001', ms: 12 },
    `${clock} warn  a shard is late shard=127.0.0.1:7001 ms=12\n`,
  ],
  [
    { ...event, text: 'two words', list: [1, 2] },
    `${clock} warn  a shard is late text="two words" list=[1,2]\n`,
  ],
  [
    { ...event, err: { message: 'no', stack: 'Error: no\n    at x' } },
    `${clock} warn  a shard is late\n    Error: no\n        at x\n`,
  ],
  [{ level: 'info', time: 'never', path: '/v1/models' }, '--:--:-- info  path=/v1/models\n'],
])('prettyLine formats %o', (fields, line) => {
  expect(pretty(fields)).toBe(line);
});

it('escapes control characters in messages and fields', () => {
  const line = pretty({ ...event, msg: 'from \x1b]0;x\x07 and \x9b2J', path: '/\x1b[31m' });
  expect(line).toBe(`${clock} warn  from \\x1b]0;x\\x07 and \\x9b2J path=/\\x1b[31m\n`);
});

it('colours the level, and returns a line that is not JSON unchanged', () => {
  expect(prettyLine(JSON.stringify(event), { colour: true })).toContain('\x1b[33mwarn \x1b[0m a shard');
  expect(prettyLine('plain text\n', { colour: true })).toBe('plain text\n');
});
