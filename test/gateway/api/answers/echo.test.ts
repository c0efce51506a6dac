// The request field `echo`: the prompt is returned before the answer, or alone, to score the prompt.
import { expect, test } from 'vitest';
import { idOf, JSON_TYPE, MODEL, openRoom, readEvents, say } from '../harness.ts';

const base = { model: MODEL, prompt: 'hello world' };

test('max_tokens 0 returns the log-probabilities of a text, with null for its first token', async () => {
  const { post, engine } = await openRoom();
  const { body } = await post('/v1/completions', { ...base, echo: true, logprobs: 1, max_tokens: 0 });
  expect(body.choices[0]).toEqual({
    text: 'hello world',
    index: 0,
    logprobs: {
      tokens: ['hello', ' world'],
      token_logprobs: [null, -1],
      top_logprobs: [null, { ' world': -1 }],
      text_offset: [0, 5],
    },
    finish_reason: 'length',
  });
  expect(body.usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 0, total_tokens: 2 });
  expect(engine.requests[0]).toMatchObject({ maxTokens: 0, promptLogprobs: 1 });
});

test('the text and the offsets of the answer follow those of the echoed prompt', async () => {
  const { post } = await openRoom({ reply: () => say('!a') });
  const { body } = await post('/v1/completions', {
    ...base,
    prompt: 'é😀',
    echo: true,
    logprobs: 0,
    max_tokens: 2,
  });
  const { text, logprobs } = body.choices[0];
  expect(text).toBe('é😀!a');
  expect(logprobs.text_offset).toEqual([0, 0, 1, 1, 1, 1, 2, 3]);
  expect(logprobs.token_logprobs.slice(-2)).toEqual([-0.5, -0.5]);
});

test('a stop id has a log-probability but no text', async () => {
  const { post } = await openRoom({ reply: () => [...say('!'), idOf('<|end|>')] });
  const asked = { ...base, echo: true, logprobs: 1 };
  const { body: scored } = await post('/v1/completions', {
    ...asked,
    prompt: say('hello world!'),
    max_tokens: 2,
  });
  expect(scored.choices[0]).toMatchObject({
    text: 'hello world!!',
    finish_reason: 'stop',
    logprobs: {
      tokens: ['hello', ' world', '!', '!', '<|end|>'],
      token_logprobs: [null, -1, -2, -0.5, -0.5],
      top_logprobs: [null, { ' world': -1 }, { '!': -2 }, { '!': -0.5 }, { '<|end|>': -0.5 }],
      text_offset: [0, 5, 11, 12, 13],
    },
  });
});

test('a stream sends the stop id with the finish reason', async () => {
  const { url } = await openRoom({ reply: () => [...say('!'), idOf('<|end|>')] });
  const last = async (path: string, fields: object) => {
    const body = JSON.stringify({ model: MODEL, stream: true, ...fields });
    const { values } = await readEvents(
      await fetch(url + path, { method: 'POST', headers: JSON_TYPE, body }),
    );
    return values.at(-1)?.choices[0];
  };
  expect(await last('/v1/completions', { prompt: 'hello', logprobs: 0 })).toMatchObject({
    finish_reason: 'stop',
    logprobs: { tokens: ['<|end|>'], token_logprobs: [-0.5], text_offset: [1] },
  });
  const messages = [{ role: 'user', content: 'hello' }];
  expect(await last('/v1/chat/completions', { messages, logprobs: true })).toMatchObject({
    finish_reason: 'stop',
    logprobs: { content: [{ token: '<|end|>', logprob: -0.5, bytes: null }] },
  });
});

test('a chat returns the stop id last, unless a stop string came before it', async () => {
  const { post } = await openRoom({ reply: () => [...say('a!'), idOf('<|end|>')] });
  const asked = { model: MODEL, messages: [{ role: 'user', content: 'hello' }], logprobs: true };
  const told = async (fields: object) => {
    const { body } = await post('/v1/chat/completions', { ...asked, ...fields });
    return body.choices[0].logprobs.content.map(({ token }) => token);
  };
  expect(await told({})).toEqual(['a', '!', '<|end|>']);
  expect(await told({ stop: '!' })).toEqual(['a']);
});

test('without logprobs the engine computes no log-probabilities', async () => {
  const { post, engine } = await openRoom({ once: true });
  const { body } = await post('/v1/completions', { ...base, echo: true });
  expect(body.choices[0]).toMatchObject({ text: 'hello worldhello world', logprobs: null });
  expect(engine.requests[0].promptLogprobs).toBeUndefined();
});

test('a prompt that was sent as ids is echoed as text, with the names of its special tokens', async () => {
  const { post } = await openRoom({ once: true });
  const prompt = [idOf('<|user|>'), ...say('hello')];
  const { body } = await post('/v1/completions', { ...base, prompt, echo: true, max_tokens: 0, logprobs: 0 });
  expect(body.choices[0]).toMatchObject({
    text: '<|user|>hello',
    logprobs: { tokens: ['<|user|>', 'hello'], text_offset: [0, 8] },
  });
});

test('a stream sends the echoed prompt first for each choice', async () => {
  const { url } = await openRoom({ once: true });
  const request = { ...base, echo: true, logprobs: 0, n: 2, stream: true };
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(request),
  });
  const { values, done } = await readEvents(response);
  expect(done).toBe(true);
  for (const index of [0, 1]) {
    const own = values.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
    expect(own.map(({ text }) => text)).toEqual(['hello world', 'hello', ' world', '']);
    expect(own.map(({ logprobs }) => logprobs?.text_offset)).toEqual([[0, 5], [11], [16], undefined]);
  }
});

test('a prompt that fills the context can be scored with max_tokens 0', async () => {
  const { post } = await openRoom({ context: 2 });
  expect((await post('/v1/completions', { ...base, echo: true, max_tokens: 0 })).status).toBe(200);
  expect((await post('/v1/completions', { ...base, echo: true, max_tokens: 1 })).status).toBe(400);
});

test('the log-probabilities of a prompt are computed once and returned in each choice', async () => {
  const { post, engine } = await openRoom({ once: true });
  const fields = { ...base, prompt: ['hello world', 'world'], echo: true, logprobs: 1, n: 3 };
  const { body } = await post('/v1/completions', fields);
  expect(engine.requests.map(({ promptLogprobs }) => promptLogprobs)).toEqual([
    ...[1, undefined, undefined],
    ...[1, undefined, undefined],
  ]);
  for (const { logprobs } of body.choices.slice(0, 3)) {
    expect(logprobs.token_logprobs.slice(0, 2)).toEqual([null, -1]);
  }
});

test('all choices of a prompt fail if its log-probabilities cannot be computed', async () => {
  const error = { code: 'shard_unavailable', message: 'gone', retryable: true } as const;
  const { post, engine } = await openRoom({ fail: { after: 0, error } });
  const { status } = await post('/v1/completions', { ...base, echo: true, logprobs: 1, n: 3 });
  expect(status).toBe(503);
  expect(engine.open).toBe(0);
});
