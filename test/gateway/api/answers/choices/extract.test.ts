// The extractors of answers.
import { expect, test } from 'vitest';
import { canonicalJson, extractorOf } from '../../../../../gateway/api/answers/choices/extract.ts';

const extract = (name: string, text: string) => extractorOf(name)?.(text);

test.each<[name: string, text: string, answer: string | undefined]>([
  ['text', '  Rome \n', 'Rome'],
  ['text', ' \n ', undefined],
  ['first_line', '\n\n  yes  \nbecause', 'yes'],
  ['first_line', '', undefined],
  ['last_line', 'because\r\n  yes \r\n\r\n', 'yes'],
  ['last_line', '\n', undefined],
  ['last_number', 'from 3 to 4.50 km', '4.5'],
  ['last_number', 'it costs $1,234,567.00', '1234567'],
  ['last_number', '3,4', '4'],
  ['last_number', '1,0001', '1'],
  ['last_number', 'x = -7.', '-7'],
  ['last_number', 'x = \u22127', '-7'],
  ['last_number', '10-4', '4'],
  ['last_number', '(10)-4', '4'],
  ['last_number', '-0.0', '0'],
  ['last_number', '007', '7'],
  ['last_number', '.50', '0.5'],
  ['last_number', '12e3', '12000'],
  ['last_number', '12345678901234567890', '12345678901234567890'],
  ['last_number', '1e21', '1000000000000000000000'],
  ['last_number', '1000000000000000000000', '1000000000000000000000'],
  ['last_number', '1e-7', '0.0000001'],
  ['last_number', '12.50e-1', '1.25'],
  ['last_number', '0.00e9', '0'],
  ['last_number', '-1,200e999999', '-1.2e1000002'],
  ['last_number', `0.${'0'.repeat(60)}5`, '5e-61'],
  ['last_number', 'none', undefined],
  ['json', '{"b": [1.0, null], "a": "x"}', '{"a":"x","b":[1,null]}'],
  ['json', ' "4" ', '4'],
  ['json', '{"a": 1', undefined],
  ['json:city', '{"city": " Bonn "}', 'Bonn'],
  ['json:city', '{"city": ""}', undefined],
  ['json:a', '{"a": 4.0}', '4'],
  ['json:a', '{"a": "4.0"}', '4'],
  ['json:a', '{"a": "007"}', '007'],
  ['json:a', '{"a": 1e21}', '1000000000000000000000'],
  ['json:a', '{"a": 1e400}', undefined],
  ['json', '[1e400]', undefined],
  ['json:city', '{"town": "Bonn"}', undefined],
  ['json:toString', '{}', undefined],
  ['json:steps.1.ok', '{"steps": [{"ok": false}, {"ok": true}]}', 'true'],
  ['json:length', '[1, 2]', '2'],
  ['json:a', '"text"', undefined],
  ['after:Answer:', 'Answer: 1\nAnswer:  42 \nThat is all.', '42'],
  ['after:####', 'so ####\n 5', '5'],
  ['after:####', 'no mark', undefined],
  ['after:####', 'nothing after it ####', undefined],
])('%s of %j is %j', (name, text, answer) => {
  expect(extract(name, text)).toBe(answer);
});

test.each(['', 'texts', 'json:', 'after:', 'last_number:1', 'toString', ':', 'constructor:x'])(
  'there is no extractor %j',
  (name) => {
    expect(extractorOf(name)).toBeUndefined();
  },
);

test('equal JSON values have one canonical form, and texts that are too long or too deep have none', () => {
  expect(canonicalJson('{"b":{"d":1,"c":2},"a":[]}')).toBe(
    canonicalJson(' { "a" : [ ] , "b":{"c":2.0,"d":1}}'),
  );
  expect(canonicalJson(`${'['.repeat(100)}${']'.repeat(100)}`)).toBe(`${'['.repeat(100)}${']'.repeat(100)}`);
  for (const text of [
    `${'['.repeat(102)}${']'.repeat(102)}`,
    `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
    `"${'x'.repeat(70_000)}"`,
  ]) {
    expect(canonicalJson(text)).toBeUndefined();
    expect(extract('json', text)).toBeUndefined();
  }
});

test('no extractor takes long for a long text that is made to be slow', () => {
  const names = ['text', 'first_line', 'last_line', 'last_number', 'json', 'json:a.b', 'after:aaaaaaab'];
  for (const piece of [
    '1',
    '0.0',
    '1,',
    '1,000',
    '-',
    '1e',
    '\n',
    ' ',
    'a',
    '[',
    '{"a":',
    '.5',
    '1.0000000000',
  ]) {
    const text = `${piece.repeat(1_000_000 / piece.length)}x`;
    for (const name of names) {
      const started = performance.now();
      extract(name, text);
      // Quadratic time would be hours. The usual time is 20 ms.
      expect(performance.now() - started, `${name} ${piece}`).toBeLessThan(5_000);
    }
  }
});
