import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AnswerText, type AnswerToken } from '../../../../gateway/api/answers/answer-text.ts';
import { stopString } from '../../../../gateway/api/answers/stops.ts';
import { say, tokenizer } from '../harness.ts';

function run(ids: readonly number[], stops: readonly string[]) {
  const answer = new AnswerText(tokenizer, { stops: stops.map(stopString) });
  const released: { text: string; tokens: AnswerToken[] }[] = [];
  let stopped = false;
  for (const id of ids) {
    const out = answer.push({ id, logprob: -1 });
    released.push(out);
    stopped = out.stopped;
    if (stopped) break;
  }
  if (!stopped) released.push(answer.end());
  const text = released.map((out) => out.text).join('');
  return { text, tokens: released.flatMap((out) => out.tokens), released, stopped };
}

const bytesOf = (ids: readonly number[]) =>
  Buffer.concat(ids.map((id) => tokenizer.bytes(id))).toString('utf8');

test('releases a character and all of its tokens when its last byte has arrived', () => {
  const [a, b, c, d] = new TextEncoder().encode('😀');
  const { released } = run([a, b, c, d], []);
  expect(released.map(({ text, tokens }) => [text, tokens.length])).toEqual([
    ['', 0],
    ['', 0],
    ['', 0],
    ['😀', 4],
    ['', 0],
  ]);
});

test('releases held-back tokens together with their text', () => {
  const { released } = run(say('a\n\nb'), ['\n\nUser']);
  expect(released.map(({ text, tokens }) => [text, tokens.length]).filter(([text]) => text !== '')).toEqual([
    ['a', 1],
    ['\n\nb', say('\n\nb').length],
  ]);
});

test('drops the tokens of a stop string, except a token that begins before the stop string', () => {
  const cut = run(say('hello world'), ['wor']);
  expect(cut.text).toBe('hello ');
  expect(cut.tokens.map(({ id }) => id)).toEqual(say('hello world'));
  const dropped = run(say('hello world'), [' world']);
  expect(dropped.text).toBe('hello');
  expect(dropped.tokens.map(({ id }) => id)).toEqual(say('hello'));
});

test('releases every token once, in order, with the offset of its text in code points', () => {
  const id = fc.oneof(
    fc.nat(255),
    fc.constantFrom(...say('hello world in the end 😀'), ...tokenizer.added.map((t) => t.id)),
  );
  const stops = fc.array(fc.constantFrom('hello', 'lo w', 'zz', '\u{1f600}', 'ab'), { maxLength: 2 });
  fc.assert(
    fc.property(fc.array(id, { maxLength: 30 }), stops, (ids, stopStrings) => {
      const { text, tokens, stopped } = run(ids, stopStrings);
      const kept = tokens.map((token) => token.id);
      expect(kept).toEqual(ids.slice(0, kept.length));
      if (stopped) expect(stopStrings.some((stop) => bytesOf(ids).startsWith(text + stop))).toBe(true);
      else expect([text, kept.length]).toEqual([bytesOf(ids), ids.length]);
      const points = [...text];
      for (const [i, { offset }] of tokens.entries()) {
        const before = bytesOf(ids.slice(0, i));
        // Skips tokens that begin inside a character: their offset is that of the character.
        if (!before.endsWith('\ufffd') && text.startsWith(before))
          expect(points.slice(0, offset).join('')).toBe(before);
      }
    }),
    { seed: 8, numRuns: 500 },
  );
});
