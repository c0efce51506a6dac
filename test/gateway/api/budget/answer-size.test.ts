// Limits of the memory of one answer.
import { expect, onTestFinished, test, vi } from 'vitest';
import { MemoryLedger } from '../../../../gateway/api/budget/ledger.ts';
import { JSON_TYPE, MODEL, openRoom, until } from '../harness.ts';

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

const response = {
  ...{ model: MODEL, input: 'hello', stream: true },
  ...{ include: ['message.output_text.logprobs'], top_logprobs: 20 },
};
const send = (url: string, fields: object, signal?: AbortSignal) =>
  fetch(`${url}/v1/responses`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ ...response, ...fields }),
    ...(signal && { signal }),
  });

test('a stream that repeats its log-probabilities at the end is limited, because it keeps them', async () => {
  const { post, url, engine } = await openRoom({ context: 1_000_000 });
  const { status, body } = await post('/v1/responses', { ...response, max_output_tokens: 500_000 });
  expect([status, body.error]).toMatchObject([400, { param: 'include', code: 'answer_too_large' }]);
  expect(body.error.message).not.toContain('or stream');
  expect(engine.requests).toHaveLength(0);
  const stop = new AbortController();
  const without = await send(url, { include: [], top_logprobs: 0, max_output_tokens: 500_000 }, stop.signal);
  expect(without.status).toBe(200);
  stop.abort();
});

test('the memory of such a stream counts while it runs, and its end frees the memory', async () => {
  const held = vi.spyOn(MemoryLedger.prototype, 'open');
  onTestFinished(() => held.mockRestore());
  const { url, engine } = await openRoom({ context: 1_000_000 });
  const stop = new AbortController();
  const answer = await send(url, {}, stop.signal);
  const reader = answer.body?.getReader();
  const ledger = held.mock.contexts[0] as MemoryLedger;
  const before = ledger.held;
  while (engine.produced < 300) await reader?.read();
  expect(ledger.held - before).toBeGreaterThan(100 * 21 * 256);
  stop.abort();
  await until(() => ledger.held === 0);
});

test('such a stream ends with an error if it outgrows the limit of one answer', async () => {
  const { url } = await openRoom({ context: 1_000_000, limits: { answerMemory: 2 ** 20 } });
  const text = await (await send(url, {})).text();
  expect(text).toContain('"code":"answer_too_large"');
  expect(text).toContain('event: response.failed');
});
