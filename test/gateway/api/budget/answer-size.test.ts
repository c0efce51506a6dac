// Limits of the memory of one answer.
import { expect, test } from 'vitest';
import { JSON_TYPE, MODEL, openRoom } from '../harness.ts';

const base = { model: MODEL, prompt: 'hello world' };

test.each([
  ['logprobs', { n: 100, max_tokens: 50_000, logprobs: 20 }],
  ['expertgrid.routes', { n: 100, max_tokens: 60_000, expertgrid: { routes: true } }],
  ['max_tokens', { n: 100, max_tokens: 300_000 }],
])('an answer that could exceed the memory limit is refused before it begins: %s', async (param, fields) => {
  const { post, engine } = await openRoom({ context: 1_000_000 });
  const { status, body } = await post('/v1/completions', { ...base, ...fields });
  expect([status, body.error]).toMatchObject([400, { param, code: 'answer_too_large' }]);
  expect(engine.requests).toHaveLength(0);
});

test('an echoed prompt counts once for each choice, streamed or not', async () => {
  const { post } = await openRoom({ context: 1_000_000 });
  const fields = { prompt: Array(20_000).fill(1), echo: true, logprobs: 20, max_tokens: 1, stream: true };
  const { status, body } = await post('/v1/completions', { ...base, ...fields, n: 100 });
  expect([status, body.error.param]).toEqual([400, 'logprobs']);
});

test('a stream without echo is not limited, because sent tokens are freed', async () => {
  const { url } = await openRoom({ context: 1_000_000 });
  const fields = { n: 100, max_tokens: 300_000, stream: true };
  const stop = new AbortController();
  const body = JSON.stringify({ ...base, ...fields });
  const answer = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body,
    signal: stop.signal,
  });
  expect(answer.status).toBe(200);
  stop.abort();
});
