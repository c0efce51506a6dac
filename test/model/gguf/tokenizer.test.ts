// The tokenizer files that are made from GGUF metadata. Their ids are compared with those that llama.cpp gives by the same metadata
// (bench/peers/tokenizers).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../../../gateway/api/text/tokenizer.ts';
import { InputError } from '../../../model/errors.ts';
import type { GgufValue } from '../../../model/gguf/header.ts';
import { preTokenizers } from '../../../model/gguf/tokenizer/pre-tokenizers.ts';
import { ggufTokenizer } from '../../../model/gguf/tokenizer/tokenizer.ts';

interface Golden {
  texts: string[];
  tellsCases: string[];
  byteLevel: { tokens: string[]; kinds: number[]; merges: string[]; ids: Record<string, number[][]> };
  sentencePiece: { tokens: string[]; kinds: number[]; scores: number[]; ids: number[][] };
}

const golden: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../golden/gguf-tokenizers.json'), 'utf8'),
);

type Keys = Record<string, GgufValue>;

const byteLevelKeys = (pre: string): Keys => ({
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.pre': pre,
  'tokenizer.ggml.tokens': golden.byteLevel.tokens,
  'tokenizer.ggml.token_type': golden.byteLevel.kinds,
  'tokenizer.ggml.merges': golden.byteLevel.merges,
});

const sentencePieceKeys: Keys = {
  'tokenizer.ggml.model': 'llama',
  'tokenizer.ggml.tokens': golden.sentencePiece.tokens,
  'tokenizer.ggml.token_type': golden.sentencePiece.kinds,
  'tokenizer.ggml.scores': golden.sentencePiece.scores,
  'tokenizer.ggml.bos_token_id': 1,
  'tokenizer.ggml.eos_token_id': 2,
  'tokenizer.ggml.unknown_token_id': 0,
};

const filesOf = (keys: Keys) => ggufTokenizer({ metadata: new Map(Object.entries(keys)), path: 'x.gguf' });

function tokenizerOf(keys: Keys) {
  const files = filesOf(keys);
  return createTokenizer({ ...files['tokenizer.json'] }, { ...files['tokenizer_config.json'] });
}

/** Whether the text has a capital outside ASCII. The oracle's patterns for these tokenizers do not know such capitals. */
const isCasedBeyondAscii = (text: string) => /(?![A-Z])\p{Lu}/u.test(text);

/** One name of each pre-tokenizer. */
const distinct = [
  ...new Map(Object.entries(preTokenizers).map(([name, pre]) => [JSON.stringify(pre), name])).values(),
];

describe('a byte-level tokenizer', () => {
  it.each(Object.entries(golden.byteLevel.ids))(
    'of the kind %s gives the ids of llama.cpp',
    (pre, expected) => {
      const tokenizer = tokenizerOf(byteLevelKeys(pre));
      const texts = golden.texts.filter(
        (text) => !golden.tellsCases.includes(pre) || !isCasedBeyondAscii(text),
      );
      expect(texts.length).toBeGreaterThan(30);
      for (const [i, text] of texts.entries()) {
        expect({ text, ids: tokenizer.encode(text, { addSpecial: false }) }).toEqual({
          text,
          ids: expected[i],
        });
      }
    },
  );

  it.each(distinct)('of the kind %s gives back the bytes of a text', (pre) => {
    const tokenizer = tokenizerOf(byteLevelKeys(pre));
    const text = golden.texts.join('|').normalize('NFC');
    const ids = tokenizer.encode(text, { addSpecial: false });
    expect(Buffer.concat(ids.map((id) => tokenizer.bytes(id))).toString()).toBe(text);
  });

  it('composes characters if the published tokenizer does', () => {
    const decomposed = 'e\u0301';
    const ids = (pre: string) => tokenizerOf(byteLevelKeys(pre)).encode(decomposed, { addSpecial: false });
    expect(ids('qwen2')).toEqual(tokenizerOf(byteLevelKeys('qwen2')).encode('é', { addSpecial: false }));
    expect(ids('llama-bpe')).not.toEqual(ids('qwen2'));
  });

  it('finds control tokens by their names, and begins with bos if the model does', () => {
    const begin = golden.byteLevel.tokens.indexOf('<|begin|>');
    const keys = { ...byteLevelKeys('llama-bpe'), 'tokenizer.ggml.bos_token_id': begin };
    const tokenizer = tokenizerOf(keys);
    expect(tokenizer.encode('<|begin|>', { addSpecial: false })).toEqual([begin]);
    expect(tokenizer.specialName(begin)).toBe('<|begin|>');
    expect(tokenizer.encode('a')[0]).toBe(begin);
    const without = tokenizerOf({ ...keys, 'tokenizer.ggml.add_bos_token': false });
    expect(without.encode('a')[0]).not.toBe(begin);
  });
});

describe('the vocabulary of the model in tokenizer.json', () => {
  const { tokens, kinds } = golden.byteLevel;
  const vocabOf = (order: readonly string[], types: readonly number[]) => {
    const keys = {
      ...byteLevelKeys('smollm'),
      'tokenizer.ggml.tokens': order,
      'tokenizer.ggml.token_type': types,
    };
    const { model } = { ...filesOf(keys)['tokenizer.json'] } as { model: { vocab: Record<string, number> } };
    return model.vocab;
  };

  it('has control tokens with low ids, which the library would number anew', () => {
    const vocab = vocabOf(['<|im_start|>', ...tokens], [3, ...kinds]);
    expect(vocab['<|im_start|>']).toBe(0);
    expect(vocab).not.toHaveProperty('<|end|>');
  });

  it('has no control tokens if all follow its last token, and all if there is a gap', () => {
    expect(vocabOf(tokens, kinds)).not.toHaveProperty('<|begin|>');
    const gap = tokens.length - 2;
    const vocab = vocabOf(tokens.toSpliced(gap, 0, '[PAD]'), kinds.toSpliced(gap, 0, 5));
    expect(vocab['<|end|>']).toBe(tokens.length);
    expect(vocab).not.toHaveProperty('[PAD]');
  });
});

describe('a SentencePiece tokenizer', () => {
  it('gives the ids of llama.cpp', () => {
    const tokenizer = tokenizerOf(sentencePieceKeys);
    for (const [i, text] of golden.texts.entries()) {
      const ids = tokenizer.encode(text, { addSpecial: false });
      expect({ text, ids }).toEqual({ text, ids: golden.sentencePiece.ids[i] });
    }
    expect(tokenizer.encode('a')[0]).toBe(1);
  });

  it('gives back the bytes of a text, after the space that it adds', () => {
    const tokenizer = tokenizerOf(sentencePieceKeys);
    const text = golden.texts.filter((each) => !each.includes('▁')).join('|');
    const ids = tokenizer.encode(text, { addSpecial: false });
    expect(Buffer.concat(ids.map((id) => tokenizer.bytes(id))).toString()).toBe(` ${text}`);
    const bare = tokenizerOf({ ...sentencePieceKeys, 'tokenizer.ggml.add_space_prefix': false });
    const bareIds = bare.encode(text, { addSpecial: false });
    expect(Buffer.concat(bareIds.map((id) => bare.bytes(id))).toString()).toBe(text);
  });
});

describe('the files beside tokenizer.json', () => {
  const last = golden.byteLevel.tokens.length - 1;
  const keys: Keys = {
    ...byteLevelKeys('qwen2'),
    'tokenizer.ggml.eos_token_id': last,
    'tokenizer.ggml.eot_token_id': last - 1,
    'tokenizer.ggml.padding_token_id': last,
    'tokenizer.ggml.bos_token_id': 2 ** 32 - 1,
    'tokenizer.chat_template': '{{ messages }}',
  };

  it('have the special tokens, the template and the ends of an answer', () => {
    const files = filesOf({ ...keys, 'general.sampling.temp': Math.fround(0.7) });
    expect(files['tokenizer_config.json']).toMatchObject({
      eos_token: '<|end|>',
      pad_token: '<|end|>',
      chat_template: '{{ messages }}',
      add_bos_token: false,
    });
    expect(files['tokenizer_config.json']).not.toHaveProperty('bos_token');
    expect(files['generation_config.json']).toEqual({
      eos_token_id: [last, last - 1],
      pad_token_id: last,
      temperature: 0.7,
      do_sample: true,
    });
  });

  it('have all templates, if there are several', () => {
    const files = filesOf({
      ...keys,
      'tokenizer.chat_templates': ['tool_use'],
      'tokenizer.chat_template.tool_use': '{{ tools }}',
    });
    expect(files['tokenizer_config.json']).toMatchObject({
      chat_template: [
        { name: 'default', template: '{{ messages }}' },
        { name: 'tool_use', template: '{{ tools }}' },
      ],
    });
  });

  it('end an answer at control tokens that usually do', () => {
    const tokens = [...golden.byteLevel.tokens, '<|im_end|>', '<|endoftext|>', '</s>'];
    const kinds = [...golden.byteLevel.kinds, 3, 3, 1];
    const files = filesOf({ ...keys, 'tokenizer.ggml.tokens': tokens, 'tokenizer.ggml.token_type': kinds });
    expect(files['generation_config.json']).toMatchObject({
      eos_token_id: [last, last - 1, last + 1, last + 2],
    });
  });

  it('are none if the file has no tokenizer', () => {
    expect(filesOf({})).toEqual({});
  });
});

describe('a tokenizer that is broken or not supported', () => {
  const qwen = byteLevelKeys('qwen2');
  const { 'tokenizer.ggml.tokens': _, ...withoutTokens } = qwen;
  it.each<[string, Keys, string]>([
    [
      'another model',
      { 'tokenizer.ggml.model': 'bert' },
      'key tokenizer.ggml.model: "bert" is not supported (gpt2 and llama are)',
    ],
    [
      'another pre-tokenizer',
      byteLevelKeys('poro-chat'),
      'key tokenizer.ggml.pre: "poro-chat" is not supported (llama-bpe, ',
    ],
    ['no tokens', withoutTokens, 'key tokenizer.ggml.tokens: is missing'],
    [
      'too few kinds',
      { ...qwen, 'tokenizer.ggml.token_type': [1] },
      'key tokenizer.ggml.token_type: has 1 entries for',
    ],
    [
      'too few scores',
      { ...sentencePieceKeys, 'tokenizer.ggml.scores': [1] },
      'key tokenizer.ggml.scores: has 1 entries for',
    ],
    [
      'a merge of one token',
      { ...qwen, 'tokenizer.ggml.merges': ['ab'] },
      'has "ab", which is not two tokens',
    ],
    [
      'a merge without its token',
      { ...qwen, 'tokenizer.ggml.merges': ['q z'] },
      'needs the token "qz", which is not there',
    ],
    [
      'an id without a token',
      { ...qwen, 'tokenizer.ggml.eos_token_id': 9999 },
      'tokenizer.ggml.eos_token_id: is 9999; there are',
    ],
    [
      'a token twice',
      { ...qwen, 'tokenizer.ggml.tokens': golden.byteLevel.tokens.with(5, golden.byteLevel.tokens[6] ?? '') },
      'twice, as 5 and 6',
    ],
    [
      'a missing byte',
      { ...sentencePieceKeys, 'tokenizer.ggml.tokens': golden.sentencePiece.tokens.with(3, 'zzzz') },
      'lacks the token <0x00> for a byte',
    ],
  ])('with %s is refused by name', (_, keys, message) => {
    expect(() => filesOf(keys)).toThrow(InputError);
    expect(() => filesOf(keys)).toThrow(message);
  });
});
