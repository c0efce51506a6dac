// The time in a prompt, which a chat template writes with strftime_now, is the time of its answer.
import { expect, onTestFinished, test, vi } from 'vitest';
import { writeChat } from '../../../../gateway/api/text/chat-prompt.ts';
import { compileTemplate } from '../../../../gateway/api/text/template.ts';
import { startNanoGateway } from '../../../support/resume/room.ts';
import { blocksOf, recordOf, SECRET, signedRequest } from '../../../support/resume/signed.ts';
import { MODEL, openRoom, say, tokenizer } from '../harness.ts';

const user = [{ role: 'user' as const, content: 'hi' }];
const DATED =
  "{{ strftime_now('%Y %H:%M') }}\n{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:";

test('a conversation is written with its own time', () => {
  const template = compileTemplate(DATED, { bos: undefined, eos: undefined });
  expect(writeChat({ messages: user, time: 86_400 }, { template, tokenizer }).text).toMatch(/^1970 /);
});

const answer = { id: '0123456789abcdef0123456789abcdef', created: 86_400, seed: 42 };
const answering = [
  ['/v1/chat/completions', { messages: user, max_tokens: 1 }],
  ['/v1/responses', { input: 'hi', max_output_tokens: 1 }],
  [
    '/v1/responses',
    { input: [...Array(4)].map(() => ({ role: 'user', content: 'x'.repeat(900) })), truncation: 'auto' },
  ],
  ['/v1/messages', { messages: user, max_tokens: 1 }],
] as const;

test.each(answering)('a request to %s writes the time that its caller has fixed', async (path, fields) => {
  const room = await openRoom({ chat: DATED, api: { callerSecrets: () => [SECRET] } });
  const { headers, body } = signedRequest({ path, body: { model: MODEL, ...fields }, claims: { answer } });
  const response = await fetch(room.url + path, {
    method: 'POST',
    headers,
    body: await new Response(body).text(),
  });
  expect(response.status).toBe(200);
  expect([...(room.engine.requests[0]?.prompt ?? [])].slice(0, 5)).toEqual(say('1970 '));
});

const counting = [
  ['/tokenize', { messages: user }],
  ['/v1/responses/input_tokens', { input: 'hi' }],
  ['/v1/messages/count_tokens', { messages: user }],
] as const;

test.each(counting)('a request to %s counts the time that its caller has fixed', async (path, fields) => {
  const year = "{{ 'x' * (strftime_now('%Y') | int) }}";
  const room = await openRoom({ chat: year, context: 4_000, api: { callerSecrets: () => [SECRET] } });
  const { headers, body } = signedRequest({ path, body: { model: MODEL, ...fields }, claims: { answer } });
  const response = await fetch(room.url + path, {
    method: 'POST',
    headers,
    body: await new Response(body).text(),
  });
  expect(await response.json()).toMatchObject({ [path === '/tokenize' ? 'count' : 'input_tokens']: 1970 });
});

test('a stream continues an hour later with the time of its beginning', async () => {
  const gateway = await startNanoGateway();
  onTestFinished(() => gateway.close());
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const path = '/v1/chat/completions';
  const asked = { model: 'dated', messages: user, max_tokens: 12, temperature: 1, seed: 5, stream: true };
  const whole = await gateway.app.fetch(signedRequest({ path, body: asked }));
  const before = blocksOf(await whole.text());
  const record = recordOf(before.slice(0, 5));
  vi.setSystemTime(Date.now() + 3_600_000);
  const rest = await gateway.app.fetch(signedRequest({ path, body: asked, ...(record && { record }) }));
  const text = await rest.text();
  expect([rest.status, text]).toEqual([200, expect.stringContaining('[DONE]')]);
  expect(blocksOf(text).map(({ event }) => event)).toEqual(before.slice(5).map(({ event }) => event));
});
