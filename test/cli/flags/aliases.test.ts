import { describe, expect, test } from 'vitest';
import { formatAliases, mergeAliases, parseAliasFile, parseAliasFlags } from '../../../cli/flags/aliases.ts';

const context = { models: ['nano', 'nano-v2', 'a:b'], from: 'here' };
const entries = (aliases: ReadonlyMap<string, ReadonlyMap<string, number>>) =>
  [...aliases].map(([name, weights]) => [name, Object.fromEntries(weights)]);

test('--alias takes models with weights, or one model without a weight', () => {
  const aliases = parseAliasFlags(['chat=nano:90,nano-v2:10', 'stable=nano', 'odd=a:b:0.5'], context);
  expect(entries(aliases)).toEqual([
    ['chat', { nano: 90, 'nano-v2': 10 }],
    ['stable', { nano: 1 }],
    ['odd', { 'a:b': 0.5 }],
  ]);
});

test('a file of aliases is an object of objects', () => {
  const text = '{"chat": {"nano": 0, "nano-v2": 100}, "stable": {"nano": 1}}';
  const aliases = parseAliasFile(text, context);
  expect(entries(aliases)).toEqual([
    ['chat', { nano: 0, 'nano-v2': 100 }],
    ['stable', { nano: 1 }],
  ]);
  expect(formatAliases(aliases)).toBe('chat = nano 0, nano-v2 100; stable = nano 1');
  expect(formatAliases(parseAliasFile('{}', context))).toBe('none');
});

describe('wrong aliases are refused with an error that names the flag or file', () => {
  test.each([
    ['chat', 'here: "chat" is not NAME=MODEL:WEIGHT'],
    ['chat=', 'is not NAME=MODEL:WEIGHT'],
    [
      'chat=nano-v3:1',
      'the alias "chat" names "nano-v3", which is not served; the served models are nano, nano-v2, a:b',
    ],
    ['chat=nano:-1', 'gives nano a weight that is not a number of at least 0'],
    ['chat=nano:', 'gives nano a weight that is not a number'],
    ['chat=nano:many', 'gives nano a weight that is not a number'],
    ['chat=nano:0,nano-v2:0', 'has no version with a weight above 0'],
    ['chat=nano:1,nano:2', 'names nano twice'],
    ['nano=nano-v2', 'the alias "nano" has the name of a model that is served'],
    [' =nano', 'is not a name'],
  ])('--alias %s', (text, reason) => {
    expect(() => parseAliasFlags([text], context)).toThrow(reason);
  });

  test.each([
    ['{', /^here: .*JSON/],
    ['[]', 'here: the file must be an object, such as {"chat"'],
    ['{"chat": "nano"}', 'here: "chat" must be an object'],
    ['{"chat": {}}', 'has no version with a weight above 0'],
    ['{"chat": {"nano": "1"}}', 'gives nano a weight that is not a number'],
    ['{"chat": {"chat": 1}}', 'names "chat", which is not served'],
  ])('a file with %s', (text, reason) => {
    expect(() => parseAliasFile(text, context)).toThrow(reason);
  });

  test('an alias that is defined twice is refused, also if a flag and the file each define it', () => {
    const chat = parseAliasFlags(['chat=nano'], context);
    expect(() => parseAliasFlags(['chat=nano', 'chat=nano-v2'], context)).toThrow(
      'the alias chat is given twice',
    );
    expect(() => mergeAliases(chat, chat)).toThrow('the alias chat is in --alias and in --aliases; keep one');
    expect([...mergeAliases(chat, parseAliasFlags(['stable=nano'], context)).keys()]).toEqual([
      'chat',
      'stable',
    ]);
  });
});
