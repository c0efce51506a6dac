import { expect, test } from 'vitest';
import type { GenerationError } from '../../../gateway/engine/messages.ts';
import { JSON_TYPE, MODEL, openRoom, readEvents, until } from './harness.ts';

const base = { model: MODEL, prompt: 'hello' };

function failing(code: GenerationError['code'], { after = 0, retryable = false, retryAfterMs = 1500 } = {}) {
  const error: GenerationError = { code, message: `because ${code}`, retryable, retryAfterMs };
  return { fail: { after, error } };
}

const statuses = [
  ['invalid_request', 400, 'invalid_request_error'],
  ['context_length_exceeded', 400, 'invalid_request_error'],
  ['queue_full', 429, 'rate_limit_error'],
  ['shard_unavailable', 503, 'server_error'],
  ['deadline_exceeded', 504, 'server_error'],
  ['shutting_down', 503, 'server_error'],
  ['internal', 500, 'server_error'],
] as const;

test.each(statuses)(
  'the engine’s %s before the first token is a %d, streamed or not',
  async (code, status, type) => {
    const { post } = await openRoom(failing(code));
    for (const stream of [false, true]) {
      const answer = await post('/v1/completions', { ...base, stream });
      expect(answer.status).toBe(status);
      expect(answer.body.error).toEqual({ message: `because ${code}`, type, param: null, code });
      expect(answer.headers.get('content-type')).toContain('application/json');
      expect(answer.headers.get('x-should-retry')).toBe('false');
      expect(answer.headers.get('retry-after')).toBeNull();
    }
  },
);

test.each([
  ['queue_full', 429],
  ['shard_unavailable', 503],
] as const)('a retryable %s is a %d with a retry time in whole seconds', async (code, status) => {
  const { post } = await openRoom(failing(code, { retryable: true }));
  const answer = await post('/v1/completions', base);
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, '2']);
  expect(answer.headers.get('x-should-retry')).toBe('true');
});

test('a failure after the first token is an event with all four keys of an error; no [DONE] follows', async () => {
  const room = await openRoom(failing('shard_unavailable', { after: 1 }));
  const response = await fetch(`${room.url}/v1/completions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ ...base, stream: true }),
  });
  expect(response.status).toBe(200);
  const { values, done } = await readEvents(response);
  expect(done).toBe(false);
  expect(values.at(-1)).toEqual({
    error: {
      message: 'because shard_unavailable',
      type: 'server_error',
      param: null,
      code: 'shard_unavailable',
    },
  });
  expect(values.filter(({ choices }) => choices?.[0].finish_reason)).toEqual([]);
  await until(() => room.logs.some(({ error }) => error === 'shard_unavailable'));
});

test('one failing prompt fails the request and stops the others', async () => {
  const reply = ({ prompt }: { prompt: Int32Array }) => {
    if (prompt.length === 2) throw new Error('reply is broken');
    return [1];
  };
  const room = await openRoom({ reply, stepMs: 1 });
  const { status, body } = await room.post('/v1/completions', {
    ...base,
    prompt: [[1], [1, 2]],
    max_tokens: 2000,
  });
  expect(status).toBe(500);
  expect(body.error).toMatchObject({ type: 'server_error', code: 'internal' });
  expect(body.error.message).not.toContain('reply is broken');
  expect(room.engine).toMatchObject({ open: 0, cancelled: 2 });
  const line = room.logs.find(({ msg }) => msg === 'request');
  expect(line).toMatchObject({ level: 50, err: { message: 'reply is broken' } });
});

test('headers do not wait for the first token of a long prefill', async () => {
  const { promise: prefill, resolve: prefilled } = Promise.withResolvers<void>();
  const room = await openRoom({ prefill, once: true, limits: { admissionMs: 30 } });
  const response = await fetch(`${room.url}/v1/completions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ ...base, stream: true }),
  });
  prefilled();
  expect((await readEvents(response)).done).toBe(true);
});

test('a refusal after the headers is an error event', async () => {
  const { promise: prefill, resolve: prefilled } = Promise.withResolvers<void>();
  const room = await openRoom({ ...failing('queue_full'), prefill, limits: { admissionMs: 10 } });
  const response = await fetch(`${room.url}/v1/chat/completions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'x' }], stream: true }),
  });
  expect(response.status).toBe(200);
  prefilled();
  const { values, done } = await readEvents(response);
  expect(values.at(-1)?.error.code).toBe('queue_full');
  expect(done).toBe(false);
});
