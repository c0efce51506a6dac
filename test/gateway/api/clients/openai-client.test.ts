import { APIError, NotFoundError, RateLimitError } from 'openai';
import { expect, test } from 'vitest';
import { MODEL, openRoom, until } from '../harness.ts';

const messages = [{ role: 'user' as const, content: 'hello' }];

test('OpenAI’s client gets chats, completions and models', async () => {
  const { client } = await openRoom({ once: true });
  const chat = await client.chat.completions.create({ model: MODEL, messages });
  expect(chat.choices[0].message.content).toBe('hello world');
  const completion = await client.completions.create({ model: MODEL, prompt: 'x' });
  expect(completion.choices[0].text).toBe('hello world');
  expect((await client.models.list()).data).toEqual([
    {
      ...{ id: MODEL, object: 'model', created: 1_700_000_000, owned_by: 'expertgrid' },
      ...{ root: MODEL, parent: null, max_model_len: 2048, context_length: 2048 },
      expertgrid: {
        ...{ layers: 2, experts: 8, experts_per_token: [1, 2] },
        ...{ least_experts_per_token: 1, most_experts_per_token: 8 },
      },
    },
  ]);
  expect((await client.models.retrieve(MODEL)).id).toBe(MODEL);
  await expect(client.models.retrieve('org/other')).rejects.toBeInstanceOf(NotFoundError);
});

test('a streamed chat has its text, one finish reason and the usage', async () => {
  const { client } = await openRoom({ once: true });
  const stream = await client.chat.completions.create({
    model: MODEL,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = '';
  const reasons: string[] = [];
  let total: number | undefined;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    if (chunk.choices[0]?.finish_reason) reasons.push(chunk.choices[0].finish_reason);
    total = chunk.usage?.total_tokens ?? total;
  }
  expect({ text, reasons, total }).toEqual({ text: 'hello world', reasons: ['stop'], total: 7 });
});

test('the generation stops when the client leaves a stream', async () => {
  const { client, engine } = await openRoom({ stepMs: 5 });
  const stream = await client.completions.create({
    model: MODEL,
    prompt: 'x',
    max_tokens: 2000,
    stream: true,
  });
  let seen = 0;
  for await (const _ of stream) if (++seen === 3) break;
  await until(() => engine.open === 0);
  expect(engine.cancelled).toBe(1);
  expect(engine.produced).toBeLessThan(100);
});

test('the generation stops when the client aborts a call without a stream', async () => {
  const { client, engine } = await openRoom({ stepMs: 5 });
  const leave = new AbortController();
  const call = client.completions.create(
    { model: MODEL, prompt: 'x', max_tokens: 2000 },
    { signal: leave.signal },
  );
  const refused = expect(call).rejects.toThrow(/abort/i);
  await until(() => engine.produced > 2);
  leave.abort();
  await refused;
  await until(() => engine.open === 0);
  expect(engine.cancelled).toBe(1);
});

test('a refused request throws the client’s own error with status, code, type and param', async () => {
  const error = {
    code: 'queue_full',
    message: 'the queue is full',
    retryable: true,
    retryAfterMs: 2500,
  } as const;
  const { client } = await openRoom({ fail: { after: 0, error } });
  const call = client.chat.completions.create({ model: MODEL, messages });
  const thrown = await call.catch((caught: unknown) => caught);
  expect(thrown).toBeInstanceOf(RateLimitError);
  expect(thrown).toMatchObject({ status: 429, code: 'queue_full', type: 'rate_limit_error', param: null });
});

test('an error event in a stream makes the client throw', async () => {
  const error = { code: 'shard_unavailable', message: 'shard 2 is gone', retryable: true } as const;
  const { client } = await openRoom({ fail: { after: 2, error } });
  const stream = await client.chat.completions.create({ model: MODEL, messages, stream: true });
  let text = '';
  const read = async () => {
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  };
  const thrown = await read().catch((caught: unknown) => caught);
  expect(text).toBe('hello world');
  expect(thrown).toBeInstanceOf(APIError);
  expect(String(thrown)).toContain('shard 2 is gone');
});
