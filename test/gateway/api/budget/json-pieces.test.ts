import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isFew, jsonPieces, lazyMap } from '../../../../gateway/api/budget/json-pieces.ts';

const written = (value: unknown) => [...jsonPieces(value)];

/** Replaces every list by a LazyList. */
function lazily(value: unknown): unknown {
  if (Array.isArray(value)) return lazyMap(value, lazily);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, lazily(field)]));
}

test('the pieces together are the text of JSON.stringify', () => {
  const value = fc.letrec<{ any: unknown }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 6 },
      fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null)),
      fc.array(tie('any'), { maxLength: 80 }),
      fc.dictionary(fc.string(), fc.oneof(tie('any'), fc.constant(undefined)), { maxKeys: 8 }),
    ),
  })).any;
  fc.assert(
    fc.property(value, (any) => {
      const whole = JSON.stringify(any);
      expect(written(any).join('')).toBe(whole);
      expect(JSON.stringify(lazily(any))).toBe(whole);
      expect(written(lazily(any)).join('')).toBe(whole);
    }),
    { numRuns: 500, seed: 2 },
  );
});

test('no piece of a long answer is long', () => {
  const tokens = Array.from({ length: 5_000 }, (_, i) => i);
  const top = (id: number) =>
    Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`t${id + i}`, -1 - i]));
  const logprobs = { tokens: lazyMap(tokens, String), top_logprobs: lazyMap(tokens, top) };
  const answer = { id: 'x', choices: Array.from({ length: 3 }, (_, index) => ({ index, logprobs })) };
  const pieces = written(answer);
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(16_384);
  expect(JSON.parse(pieces.join('')).choices[2].logprobs.top_logprobs[4_999]).toEqual(top(4_999));
});

test('entries are made only when they are written', () => {
  let made = 0;
  const list = lazyMap(Array(1_000).fill('x'), (item) => {
    made++;
    return { item };
  });
  const pieces = jsonPieces({ list });
  for (let i = 0; i < 4; i++) pieces.next();
  expect(made).toBeGreaterThan(0);
  expect(made).toBeLessThan(100);
});

test('isFew does not look at all values of a large object', () => {
  expect(isFew({ id: 'x', choices: [{ text: 'a', index: 0, logprobs: null }] })).toBe(true);
  expect(isFew({ list: lazyMap(Array(1e6).fill(0), String) })).toBe(false);
  expect(isFew(Array(1e6).fill({}))).toBe(false);
});
