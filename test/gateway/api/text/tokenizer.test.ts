import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTokenizer, type Tokenizer } from '../../../../gateway/api/text/tokenizer.ts';
import { Utf8Stream } from '../../../../gateway/api/text/utf8.ts';
import { byteLevelTokenizer, SPECIALS, sentencePieceTokenizer } from '../../../support/models/tokenizer.ts';

const byteLevel = createTokenizer(byteLevelTokenizer());
const sentencePiece = createTokenizer(sentencePieceTokenizer());

function incremental(tokenizer: Tokenizer, ids: readonly number[]): string {
  const stream = new Utf8Stream();
  return ids.map((id) => stream.push(tokenizer.bytes(id))).join('') + stream.end();
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('hello', ' ', 'world', '€', '\u{10000}', '▁') }),
);

describe.each([
  { kind: 'byte-level', tokenizer: byteLevel, lead: '' },
  // A SentencePiece-style tokenizer puts a space before the text.
  { kind: 'SentencePiece-style', tokenizer: sentencePiece, lead: ' ' },
])('$kind', ({ tokenizer, lead }) => {
  test('the bytes of a text’s tokens are the text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = tokenizer.encodePlain(text, { first: true });
        const expected = lead !== '' && text.length > 0 && !/^[ ▁]/.test(text) ? lead + text : text;
        expect(incremental(tokenizer, ids)).toBe(lead === '' ? expected : expected.replaceAll('▁', ' '));
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  test('text that is not the first of a prompt is decoded without a leading space', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = tokenizer.encodePlain(text, { first: false });
        expect(incremental(tokenizer, ids)).toBe(lead === '' ? text : text.replaceAll('▁', ' '));
      }),
      { seed: 4, numRuns: 300 },
    );
  });

  test('encodePlain never returns a special token', () => {
    const names = tokenizer.added.map((token) => token.content);
    const hostile = fc.array(fc.constantFrom(...names, 'hello', '<', '|>', ' '), { maxLength: 8 });
    fc.assert(
      fc.property(hostile, fc.boolean(), (parts, first) => {
        const ids = tokenizer.encodePlain(parts.join(''), { first });
        expect(ids.filter((id) => tokenizer.specialName(id) !== undefined)).toEqual([]);
      }),
      { seed: 5 },
    );
  });
});

test('merges are applied, and a space belongs to the word after it', () => {
  const names = ['hello', 'Ġworld'].map((token) => byteLevel.idOf(token));
  expect(byteLevel.encode('hello world')).toEqual(names);
});

test('encode turns the name of a special token into that token', () => {
  const user = byteLevel.idOf('<|user|>');
  expect(byteLevel.encode('<|user|>hello')).toEqual([user, byteLevel.idOf('hello')]);
});

test('encode adds bos only if the post-processor does, and encodePlain never adds it', () => {
  expect(sentencePiece.encode('hello')).toEqual([1, sentencePiece.idOf('▁hello')]);
  expect(sentencePiece.encodePlain('hello', { first: true })).toEqual([sentencePiece.idOf('▁hello')]);
  expect(sentencePiece.encodePlain('hello', { first: false })).toEqual([sentencePiece.idOf('hello')]);
  expect(byteLevel.encode('')).toEqual([]);
});

test('special tokens have a name and no bytes', () => {
  const id = byteLevel.idOf(SPECIALS[4]) ?? -1;
  expect(byteLevel.specialName(id)).toBe('<|end|>');
  expect(byteLevel.bytes(id)).toEqual(new Uint8Array(0));
});

test('a byte token stands for its byte', () => {
  expect(sentencePiece.bytes(sentencePiece.idOf('<0xE2>') ?? -1)).toEqual(Uint8Array.of(0xe2));
  expect(byteLevel.bytes(0xe2)).toEqual(Uint8Array.of(0xe2));
});

test('an id without a token has no bytes', () => {
  expect(byteLevel.bytes(99_999)).toEqual(new Uint8Array(0));
});

test('a reserved id is special even if tokenizer.json does not say so', () => {
  const json = byteLevelTokenizer();
  json.added_tokens = json.added_tokens.map((token) => ({ ...token, special: false }));
  const end = json.added_tokens[4].id;
  const tokenizer = createTokenizer(json, {}, [end]);
  expect(tokenizer.specialName(end)).toBe('<|end|>');
  expect(tokenizer.encodePlain('<|end|>', { first: true })).not.toContain(end);
  expect(tokenizer.encodePlain('<|user|>', { first: true })).toEqual([tokenizer.idOf('<|user|>')]);
});

test('createTokenizer throws an error that names an unsupported model type or decoder', () => {
  const json = byteLevelTokenizer();
  expect(() => createTokenizer({ ...json, model: { type: 'Unigram', vocab: [] } })).toThrow(
    /model\.type "Unigram"/,
  );
  expect(() => createTokenizer({ ...json, decoder: { type: 'WordPiece' } })).toThrow(/decoder WordPiece/);
  expect(() => createTokenizer({ ...json, decoder: null })).toThrow(/decoder null/);
});
