// The tokenizer files of a checkpoint that has tiktoken ranks.
import { beforeAll, describe, expect, test } from 'vitest';
import { compileTemplate } from '../../../gateway/api/text/template.ts';
import { createTokenizer, type Tokenizer } from '../../../gateway/api/text/tokenizer.ts';
import { tokenizerFiles } from '../../../model/tokenizer/tokenizer-files.ts';
import golden from '../../golden/o200k.json' with { type: 'json' };
import { sigmaTokenizer, withFolder } from '../../support/models/o200k.ts';
import { rankLines, ranksWith } from '../../support/models/small-ranks.ts';

const ranks = rankLines(ranksWith(['ab'])).join('\n');
const sigma = { model_type: 'sigma', vocab_size: 200_064, max_position_embeddings: 4096 };

/** The parsed files that are made for a folder with these files. */
function made(files: Readonly<Record<string, unknown>>): Promise<Record<string, Record<string, unknown>>> {
  return withFolder(files, async (dir) =>
    Object.fromEntries(
      Array.from(await tokenizerFiles(dir), ([name, bytes]) => [
        name,
        JSON.parse(Buffer.from(bytes).toString()),
      ]),
    ),
  );
}

const token = (content: string, more = {}) => ({ content, lstrip: false, special: true, ...more });
const listing = (tokens: Record<string, unknown>) => ({
  'tokenizer_config.json': { added_tokens_decoder: tokens },
});
const ids = (json: Record<string, unknown> = {}) =>
  (json.added_tokens as { id: number; content: string }[]).map(({ id, content }) => [id, content]);

describe('with the first 20,000 ranks of o200k_base', () => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await sigmaTokenizer(20_000);
  });

  test.each(golden.cases)('ids are those of tiktoken: $text', ({ text, first }) => {
    expect(tokenizer.encode(text)).toEqual(first);
    const bytes = Buffer.concat(first.map((id) => tokenizer.bytes(id)));
    expect(bytes.toString()).toBe(text.replace(/<\|(?:endoftext|system|user|assistant|end)\|>/g, ''));
  });
});

describe('a Sigma checkpoint', () => {
  test('without other files gets the family’s special tokens, template and stop tokens', async () => {
    const files = await made({ 'a.tiktoken': ranks, 'config.json': sigma });
    expect(ids(files['tokenizer.json']).slice(1, 3)).toEqual([
      [200_000, '<|system|>'],
      [200_001, '<|user|>'],
    ]);
    expect(files['tokenizer_config.json']).toMatchObject({
      bos_token: '<|endoftext|>',
      model_max_length: 4096,
    });
    expect(files['generation_config.json']).toEqual({
      bos_token_id: 199_999,
      eos_token_id: [199_999, 200_003],
    });
  });

  test('has a chat form of bos, then the role’s token, text and <|end|> of each message', async () => {
    const files = await made({ 'a.tiktoken': ranks, 'config.json': sigma });
    const source = String(files['tokenizer_config.json']?.chat_template);
    const bos = '<|endoftext|>';
    const { render } = compileTemplate(source, { bos, eos: bos });
    const messages = [
      { role: 'system' as const, content: 'S' },
      { role: 'user' as const, content: 'U' },
    ];
    expect(render({ messages })).toBe('<|endoftext|><|system|>S<|end|><|user|>U<|end|><|assistant|>');
    expect(render({ messages, ending: 'none' })).toBe('<|endoftext|><|system|>S<|end|><|user|>U<|end|>');
  });

  test('keeps its own settings, and also stops at <|end|>', async () => {
    const files = await made({
      'a.tiktoken': ranks,
      'config.json': { ...sigma, eos_token_id: 7 },
      'tokenizer_config.json': { chat_template: 'T', pad_token: '<|end|>', bos_token: null },
      'generation_config.json': { temperature: 0.5, eos_token_id: [8, 200_003] },
    });
    expect(files['tokenizer_config.json']).toMatchObject({
      chat_template: 'T',
      pad_token: '<|end|>',
      bos_token: '<|endoftext|>',
    });
    expect(files['generation_config.json']).toEqual({
      bos_token_id: 199_999,
      temperature: 0.5,
      eos_token_id: [8, 200_003],
    });
    const other = await made({ 'a.tiktoken': ranks, 'config.json': { ...sigma, eos_token_id: 7 } });
    expect(other['generation_config.json']?.eos_token_id).toEqual([7, 200_003]);
  });

  test('that has chat_template.jinja gets no other template', async () => {
    const files = await made({ 'a.tiktoken': ranks, 'config.json': sigma, 'chat_template.jinja': 'T' });
    expect(files['tokenizer_config.json']).not.toHaveProperty('chat_template');
  });

  test('that lists its special tokens gets those', async () => {
    const listed = {
      300: token('<|endoftext|>'),
      301: token('<|end|>'),
      302: token('<x y>', { special: false }),
    };
    const files = await made({ 'a.tiktoken': ranks, 'config.json': sigma, ...listing(listed) });
    expect(ids(files['tokenizer.json'])).toEqual([
      [300, '<|endoftext|>'],
      [301, '<|end|>'],
      [302, '<x y>'],
    ]);
    expect(files['generation_config.json']).toEqual({ bos_token_id: 300, eos_token_id: [300, 301] });
  });
});

test('a special token whose name is one piece of text cannot be written by a client', async () => {
  const listed = { 300: token('PAD'), 301: token('<|end|>') };
  const files = await made({ 'a.tiktoken': ranks, 'config.json': sigma, ...listing(listed) });
  const tokenizer = createTokenizer(files['tokenizer.json'] ?? {});
  expect(tokenizer.encode('PAD<|end|>')).toEqual([300, 301]);
  const plain = tokenizer.encodePlain('PAD <|end|>', { first: true });
  expect(plain).toEqual(Array.from(Buffer.from('PAD <|end|>')));
});

test('there are no files without ranks, or beside a tokenizer.json', async () => {
  expect(await made({ 'config.json': sigma })).toEqual({});
  expect(await made({ 'a.tiktoken': ranks, 'tokenizer.json': '{}', 'config.json': sigma })).toEqual({});
});

test.each([
  ['two lists of ranks', { 'b.tiktoken': ranks }, /has several lists of ranks \(a\.tiktoken, b\.tiktoken\)/],
  [
    'another family and another vocabulary',
    { 'config.json': {} },
    /a\.tiktoken: has 257 ranks; only o200k_base/,
  ],
  [
    'a vocabulary that is too small',
    { 'config.json': { ...sigma, vocab_size: 100 } },
    /257 ranks.* vocab_size of 100/,
  ],
  [
    'a special token beyond it',
    { 'config.json': { ...sigma, vocab_size: 257 } },
    /<\|endoftext\|>: has id 199999.*of 257/,
  ],
  [
    'a special token in place of a rank',
    listing({ 5: token('<x>') }),
    /token <x>: has id 5, which is the rank of another/,
  ],
  [
    'a special token without content',
    listing({ 300: {} }),
    /field added_tokens_decoder\.300: has no content/,
  ],
  [
    'a special token twice',
    listing({ 300: token('<x>'), 301: token('<x>') }),
    /decoder\.301: has the content <x>, as 300/,
  ],
  ['a special token without an id', listing({ x: token('<x>') }), /decoder\.x: is not the id of a token/],
  [
    'a list in place of the tokens',
    listing([] as unknown as Record<string, unknown>),
    /is not an object of tokens by id/,
  ],
  ['no JSON', { 'tokenizer_config.json': '{' }, /tokenizer_config\.json: is not JSON/],
  [
    'JSON that is no object',
    { 'generation_config.json': '[]' },
    /generation_config\.json: is not a JSON object/,
  ],
])('a checkpoint with %s is refused', async (_, files, message) => {
  await expect(made({ 'a.tiktoken': ranks, 'config.json': sigma, ...files })).rejects.toThrow(message);
});
