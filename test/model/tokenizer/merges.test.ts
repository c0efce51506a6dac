// Merges derived from ranks give the ids that tiktoken's own rule gives, for lists of ranks that were trained and for any others.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTokenizer } from '../../../gateway/api/text/tokenizer.ts';
import { byteLevelTokenizer, byteSymbols } from '../../../model/tokenizer/byte-level.ts';
import { mergesOf } from '../../../model/tokenizer/merges.ts';
import { idsOfPiece, ranksWith } from '../../support/models/small-ranks.ts';

/** A tokenizer for which every text of letters is one piece. */
function tokenizerOf(tokens: readonly string[]) {
  const symbols = byteSymbols();
  const spell = (token: string) => Array.from(token, (byte) => symbols[byte.charCodeAt(0)]).join('');
  const json = byteLevelTokenizer({
    vocab: Object.fromEntries(tokens.map((token, rank) => [spell(token), rank])),
    merges: mergesOf(tokens).map(([a, b]) => `${spell(tokens[a] ?? '')} ${spell(tokens[b] ?? '')}`),
    added: [],
    pattern: '[\\s\\S]+',
  });
  return createTokenizer({ ...json });
}

const pieces = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 12 });
const tokensOf = fc.uniqueArray(
  fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 2, maxLength: 5 }),
  {
    maxLength: 30,
  },
);

test('a tokenizer with the derived merges gives the ids of tiktoken’s rule, for any list of ranks', () => {
  fc.assert(
    fc.property(tokensOf, fc.array(pieces, { minLength: 8, maxLength: 8 }), (more, texts) => {
      const tokens = ranksWith(more);
      const tokenizer = tokenizerOf(tokens);
      for (const text of [...texts, ...more]) {
        expect(tokenizer.encodePlain(text, { first: true })).toEqual(idsOfPiece(text, tokens));
      }
    }),
    { seed: 11, numRuns: 100 },
  );
});

test('a token is the merge of what ranks make of its bytes, and has no merge if that is three parts', () => {
  const tokens = ranksWith(['ab', 'bc', 'abc', 'cab', 'aac', 'aa', 'ccc']);
  const rank = (token: string) => tokens.indexOf(token);
  expect(mergesOf(tokens)).toEqual([
    [rank('a'), rank('b')],
    [rank('b'), rank('c')],
    [rank('ab'), rank('c')],
    [rank('c'), rank('ab')],
    [rank('aa'), rank('c')],
    [rank('a'), rank('a')],
  ]);
});

test('of two equal pairs the left one merges first', () => {
  const tokens = ranksWith(['aa', 'aaa']);
  expect(mergesOf(tokens)[1]).toEqual([tokens.indexOf('aa'), 97]);
  expect(tokenizerOf(tokens).encodePlain('aaaaa', { first: true })).toEqual(idsOfPiece('aaaaa', tokens));
});

test('bytes may have any ranks', () => {
  const tokens = ['ab', ...ranksWith(['abab']).reverse()];
  const merges = mergesOf(tokens);
  expect(merges).toContainEqual([tokens.indexOf('a'), tokens.indexOf('b')]);
  expect(tokenizerOf(tokens).encodePlain('ababab', { first: true })).toEqual(idsOfPiece('ababab', tokens));
});
