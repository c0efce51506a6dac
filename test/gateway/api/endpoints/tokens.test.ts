import { describe, expect, test } from 'vitest';
import { CHAT_TEMPLATE } from '../../../support/models/tokenizer.ts';
import { idOf, JSON_TYPE, MODEL, openRoom, say } from '../harness.ts';

/** Returns the body without a type, because the answers of these endpoints have shapes of their own. */
async function ask(url: string, path: string, body: unknown) {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

test.each(['/tokenize', '/v1/tokenize', '/tokenize/', '/v1/tokenize/'])(
  '%s returns the token ids of a text',
  async (path) => {
    const { url } = await openRoom({ context: 64 });
    const asked = { model: MODEL, prompt: 'hello é<|end|>', return_token_strs: true };
    expect(await ask(url, path, asked)).toEqual({
      status: 200,
      body: {
        count: 5,
        max_model_len: 64,
        tokens: [...say('hello é'), idOf('<|end|>')],
        token_strs: ['hello', ' ', '\\xc3', '\\xa9', '<|end|>'],
      },
    });
  },
);

test('the first model answers if none is named, and token_strs is null unless requested', async () => {
  const { url } = await openRoom();
  const { body } = await ask(url, '/tokenize', { prompt: '' });
  expect(body).toEqual({ count: 0, max_model_len: 2048, tokens: [], token_strs: null });
});

test.each([
  ['a conversation', []],
  ['a conversation with a begun answer', [{ role: 'assistant', content: 'Yes', prefix: true }]],
])('%s has the same ids as the prompt of a chat', async (_, more) => {
  const { url, post, engine } = await openRoom({ once: true });
  const messages = [{ role: 'user', content: 'hello <|end|>' }, ...more];
  await post('/v1/chat/completions', { model: MODEL, messages });
  const { body } = await ask(url, '/tokenize', { messages });
  expect(body).toMatchObject({ tokens: [...engine.requests[0].prompt] });
});

test.each(['/tokenizer_info', '/v1/tokenizer_info', `/tokenizer_info?model=${MODEL}`])(
  '%s returns the special tokens and the chat template',
  async (path) => {
    const { url } = await openRoom();
    const response = await fetch(url + path);
    expect({ status: response.status, body: await response.json() }).toEqual({
      status: 200,
      body: {
        tokenizer_class: 'PreTrainedTokenizerFast',
        bos_token: '<|endoftext|>',
        eos_token: '<|endoftext|>',
        pad_token: null,
        chat_template: CHAT_TEMPLATE,
      },
    });
    expect((await fetch(`${url}/tokenizer_info?model=other`)).status).toBe(404);
  },
);

test('/detokenize returns the text of token ids', async () => {
  const { url } = await openRoom();
  const text = 'hello wörld 😀<|user|>';
  const tokens = [...say('hello wörld 😀'), idOf('<|user|>')];
  expect(await ask(url, '/detokenize', { tokens })).toEqual({ status: 200, body: { prompt: text } });
});

describe('answers an error that names the field for', () => {
  test.each([
    ['/tokenize', {}, 'prompt', 'missing_required_parameter'],
    ['/tokenize', { prompt: 5 }, 'prompt', 'invalid_type'],
    [
      '/tokenize',
      { prompt: 'a', messages: [{ role: 'user', content: 'a' }] },
      'messages',
      'invalid_parameter_combination',
    ],
    ['/tokenize', { prompt: 'a', colour: 1 }, 'colour', 'unknown_parameter'],
    ['/tokenize', { prompt: 'x'.repeat(1e6) }, 'prompt', 'context_length_exceeded'],
    ['/detokenize', {}, 'tokens', 'missing_required_parameter'],
    ['/detokenize', { tokens: ['a'] }, 'tokens[0]', 'invalid_type'],
    ['/detokenize', { tokens: [1, 1e6] }, 'tokens[1]', 'invalid_token_id'],
  ])('%s %j', async (path, fields, param, code) => {
    const { url } = await openRoom({ context: 64 });
    const { status, body } = await ask(url, path, fields);
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { param, code, type: 'invalid_request_error' } });
  });

  test('an unknown model, with 404', async () => {
    const { url } = await openRoom();
    const { status, body } = await ask(url, '/detokenize', { model: 'gpt-4', tokens: [] });
    expect([status, body]).toMatchObject([404, { error: { code: 'model_not_found' } }]);
  });
});

test('two million invalid ids are refused with an error about the first one', async () => {
  const { url } = await openRoom();
  const many = await ask(url, '/detokenize', { tokens: Array(2_000_000).fill('') });
  expect(many).toMatchObject({
    status: 400,
    body: { error: { param: 'tokens', code: 'array_above_max_length' } },
  });
  const bad = await ask(url, '/detokenize', { tokens: [1, ...Array(900_000).fill(-1)] });
  expect(bad).toMatchObject({
    status: 400,
    body: { error: { param: 'tokens[1]', code: 'integer_below_min_value' } },
  });
});
