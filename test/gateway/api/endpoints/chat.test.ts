import { expect, test } from 'vitest';
import { idOf, JSON_TYPE, MODEL, openRoom, readEvents, say } from '../harness.ts';

const messages = [{ role: 'user', content: 'hello' }];
const base = { model: MODEL, messages };

test('a chat completion has the shape that OpenAI documents', async () => {
  const { post } = await openRoom();
  const { status, body } = await post('/v1/chat/completions', { ...base, max_completion_tokens: 2, seed: 7 });
  expect(status).toBe(200);
  expect(body).toEqual({
    id: expect.stringMatching(/^chatcmpl-[0-9a-f]{32}$/),
    object: 'chat.completion',
    created: expect.any(Number),
    model: MODEL,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'hello world', refusal: null },
        logprobs: null,
        finish_reason: 'length',
      },
    ],
    usage: {
      prompt_tokens: 5,
      completion_tokens: 2,
      total_tokens: 7,
      prompt_tokens_details: { cached_tokens: 0 },
    },
    system_fingerprint: 'fp_fake',
    expertgrid: { seed: 7 },
  });
});

test('max_tokens defaults to the rest of the context', async () => {
  const { post, engine } = await openRoom({ context: 100, once: true });
  await post('/v1/chat/completions', base);
  expect(engine.requests[0].maxTokens).toBe(95);
});

test('the template gets roles and text parts, and names of special tokens in messages stay text', async () => {
  const { post, engine } = await openRoom({ once: true });
  await post('/v1/chat/completions', {
    ...base,
    messages: [
      { role: 'developer', content: 'd' },
      { role: 'system', content: 's' },
      {
        role: 'user',
        content: [
          { type: 'text', text: '<|end|>' },
          { type: 'text', text: 'x' },
        ],
      },
      { role: 'assistant', content: 'a', refusal: null, tool_calls: null },
    ],
  });
  const turn = (role: string, content: string) => [idOf(`<|${role}|>`), ...say(content), idOf('<|end|>')];
  expect([...engine.requests[0].prompt]).toEqual([
    idOf('<|endoftext|>'),
    ...turn('system', 'd'),
    ...turn('system', 's'),
    ...turn('user', '<|end|>\nx'),
    ...turn('assistant', 'a'),
    idOf('<|assistant|>'),
  ]);
});

test('log-probabilities are entries with bytes, which together are the content', async () => {
  const { post } = await openRoom({ reply: () => say('a😀'), once: true });
  const { body } = await post('/v1/chat/completions', { ...base, logprobs: true, top_logprobs: 2 });
  const { message, logprobs } = body.choices[0];
  expect(logprobs.content[0]).toEqual({
    token: 'a',
    logprob: -0.5,
    bytes: [97],
    top_logprobs: [
      { token: 'a', logprob: -0.5, bytes: [97] },
      { token: 'b', logprob: -1.5, bytes: [98] },
    ],
  });
  expect(logprobs.content[1].token).toBe('\\xf0');
  const bytes = logprobs.content.flatMap((entry) => entry.bytes ?? []);
  expect(Buffer.from(bytes).toString()).toBe(message.content);
});

test('logprobs without top_logprobs returns only the chosen tokens', async () => {
  const { post } = await openRoom({ once: true });
  const { body } = await post('/v1/chat/completions', { ...base, logprobs: true });
  expect(body.choices[0].logprobs.content.map(({ top_logprobs }) => top_logprobs)).toEqual([[], []]);
});

test('a stream begins with the role, and ends with an empty delta and the finish reason', async () => {
  const room = await openRoom({ once: true });
  const response = await fetch(`${room.url}/v1/chat/completions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ ...base, stream: true, seed: 3 }),
  });
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-cache');
  expect(response.headers.get('x-accel-buffering')).toBe('no');
  expect(response.headers.get('x-expertgrid-seed')).toBe('3');
  const { values, done } = await readEvents(response);
  expect(done).toBe(true);
  expect(values.map(({ choices }) => [choices[0].delta, choices[0].finish_reason])).toEqual([
    [{ role: 'assistant', content: '', refusal: null }, null],
    [{ content: 'hello' }, null],
    [{ content: ' world' }, null],
    [{}, 'stop'],
  ]);
  expect(values[0]).toEqual({
    id: expect.stringMatching(/^chatcmpl-/),
    object: 'chat.completion.chunk',
    created: expect.any(Number),
    model: MODEL,
    choices: [{ index: 0, delta: expect.anything(), logprobs: null, finish_reason: null }],
    system_fingerprint: 'fp_fake',
    expertgrid: { seed: 3 },
  });
  expect(values.slice(1).every((value) => !('expertgrid' in value) && !('usage' in value))).toBe(true);
});

test('a stream sends complete characters and no parts of a stop string', async () => {
  const room = await openRoom({ reply: () => say('é😀 EN ENDx'), once: true });
  const response = await fetch(`${room.url}/v1/chat/completions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ ...base, stream: true, stop: 'END', logprobs: true }),
  });
  const { values } = await readEvents(response);
  const deltas = values.map(({ choices }) => choices[0].delta.content).filter((content) => content);
  expect(deltas).toEqual(['é', '😀', ' ', 'EN ']);
  expect(values.at(-1)?.choices[0].finish_reason).toBe('stop');
  const text = values
    .flatMap(({ choices }) => choices[0].logprobs?.content ?? [])
    .flatMap(({ bytes }) => bytes ?? []);
  expect(Buffer.from(text).toString()).toBe('é😀 EN ');
});

test('an incomplete character at the end of an answer becomes one U+FFFD', async () => {
  const room = await openRoom({ reply: () => [0x41, 0xe2, 0x82], once: true });
  const { body } = await room.post('/v1/chat/completions', base);
  expect(body.choices[0].message.content).toBe('A\ufffd');
});
