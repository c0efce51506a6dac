// Rules for every stream: one finish for each choice, the usage last and only on request, keep-alive events, and an error as the
// last event.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { idOf, JSON_TYPE, MODEL, openRoom, readEvents, say, startRoom } from '../harness.ts';

const base = { model: MODEL, prompt: 'hello', stream: true };
const send = (url: string, path: string, body: unknown) =>
  fetch(url + path, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });

test('each choice has exactly one finish, which is its last event', async () => {
  const room = await startRoom({
    reply: ({ sampling }) => [...say('hello wörld 😀 '.repeat(1 + (sampling.choice % 2))), idOf('<|end|>')],
  });
  const request = fc.record({
    chat: fc.boolean(),
    n: fc.integer({ min: 1, max: 4 }),
    max_tokens: fc.integer({ min: 1, max: 12 }),
    stop: fc.option(fc.constantFrom('wö', 'lo w', ['😀', 'o'], 'never'), { nil: null }),
    min_tokens: fc.constantFrom(null, 0, 1),
    include_stop_str_in_output: fc.boolean(),
    ignore_eos: fc.boolean(),
    return_token_ids: fc.boolean(),
    logprobs: fc.boolean(),
    echo: fc.boolean(),
    usage: fc.constantFrom(undefined, false, true),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ chat, logprobs, echo, usage, ...fields }) => {
      const common = { model: MODEL, ...fields };
      const body = chat
        ? { ...common, logprobs, messages: [{ role: 'user', content: 'hello' }] }
        : { ...common, prompt: 'hello', echo, ...(logprobs && { logprobs: 1 }) };
      const path = chat ? '/v1/chat/completions' : '/v1/completions';
      const options = usage === undefined ? {} : { stream_options: { include_usage: usage } };
      const { values, done } = await readEvents(
        await send(room.url, path, { ...body, stream: true, ...options }),
      );
      const whole = (await room.post(path, body)).body;
      expect(done).toBe(true);
      const last = usage === true ? values.pop() : undefined;
      if (usage === true) expect(last).toMatchObject({ choices: [], usage: whole.usage });
      expect(values.every((value) => value.choices.length === 1 && !value.usage)).toBe(true);
      for (let index = 0; index < fields.n; index++) {
        const own = values.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
        const reasons = own.map(({ finish_reason }) => finish_reason).filter((reason) => reason !== null);
        const text = own.map((choice) => (chat ? choice.delta.content : choice.text) ?? '').join('');
        const same = whole.choices[index];
        expect(reasons).toEqual([same.finish_reason]);
        expect(own.at(-1)?.finish_reason).not.toBeNull();
        expect(text).toBe(chat ? same.message.content : same.text);
      }
    }),
    { numRuns: 60, seed: 5 },
  );
  await room.server.close(0);
});

test('a stream without tokens sends its headers and then keep-alive events', async () => {
  const { promise: prefill, resolve: prefilled } = Promise.withResolvers<void>();
  const { url } = await openRoom({ once: true, prefill, limits: { keepAliveMs: 50, admissionMs: 20 } });
  const response = await send(url, '/v1/completions', base);
  expect(response.headers.get('x-accel-buffering')).toBe('no');
  let text = '';
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (text.split(': keep-alive').length > 3) prefilled();
  }
  const blocks = text.split('\n\n');
  expect(blocks[0]).toBe(': keep-alive');
  expect(blocks.filter((block) => block === ': keep-alive').length).toBeGreaterThan(2);
  expect(blocks.findIndex((block) => block.startsWith('data:'))).toBeGreaterThan(2);
  expect(blocks.slice(-2)).toEqual(['data: [DONE]', '']);
});

test('the openai client ignores keep-alive events', async () => {
  const { client } = await openRoom({ once: true, stepMs: 60, limits: { keepAliveMs: 20 } });
  const stream = await client.completions.create({ ...base, stream: true });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0].text;
  expect(text).toBe('hello world');
});

test('an error after the first byte is sent as one event, which ends the stream', async () => {
  const error = { code: 'shard_unavailable', message: 'shard 2 is gone', retryable: true } as const;
  const { url } = await openRoom({ fail: { after: 1, error } });
  const { values, done } = await readEvents(await send(url, '/v1/completions', { ...base, n: 3 }));
  expect(done).toBe(false);
  expect(values.filter((value) => value.error !== undefined)).toHaveLength(1);
  expect(values.at(-1)?.error).toMatchObject({ code: 'shard_unavailable', type: 'server_error' });
});
