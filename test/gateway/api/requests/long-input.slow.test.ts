// Long requests: each is answered like a short request, in a time that grows in proportion to its length.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { JSON_TYPE, MODEL, type Room, startRoom } from '../harness.ts';

let room: Room;
beforeAll(async () => {
  room = await startRoom({ once: true, chat: TOOL_TEMPLATE, context: 1_000_000 });
});
afterAll(() => room.server.close(0));

/** Time limit. Work that grows with the square of the length would take minutes. */
const patienceMs = 15_000;

async function ask(path: string, fields: object) {
  const body = JSON.stringify({ model: MODEL, ...fields });
  const answer = await fetch(room.url + path, {
    method: 'POST',
    headers: JSON_TYPE,
    body,
    signal: AbortSignal.timeout(patienceMs),
  });
  return { status: answer.status, text: await answer.text() };
}

const long = 'xy'.repeat(100_000); // more tokens than the arguments that one JavaScript call may have

test.each<[string, object]>([
  ['/v1/chat/completions', { messages: [{ role: 'user', content: long }] }],
  ['/v1/responses', { input: long }],
  ['/v1/messages', { messages: [{ role: 'user', content: long }], max_tokens: 5 }],
  ['/v1/messages/count_tokens', { messages: [{ role: 'user', content: long }] }],
  ['/v1/completions', { prompt: long, echo: true, logprobs: 0, max_tokens: 1 }],
  ['/tokenize', { messages: [{ role: 'user', content: long }] }],
])('%s accepts a prompt of hundreds of thousands of tokens', async (path, fields) => {
  const { status, text } = await ask(path, fields);
  expect(status, text.slice(0, 300)).toBe(200);
});

const calls = Array.from({ length: 2_000 }, (_, i) => `c${i}`);
const name = "'a'".repeat(200_000);

test('a fault among thousands of translated messages is named in time', async () => {
  const ofResponses = await ask('/v1/responses', {
    input: calls.flatMap((call_id) => [
      { type: 'function_call', call_id, name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id, output: 'x' },
    ]),
    tools: [{ type: 'function', name: 'f' }],
    tool_choice: { type: 'function', name },
  });
  expect([ofResponses.status, JSON.parse(ofResponses.text).error.param]).toEqual([400, 'tool_choice.name']);
  const ofMessages = await ask('/v1/messages', {
    max_tokens: 5,
    messages: [
      { role: 'user', content: 'x' },
      ...calls.flatMap((id) => [
        { role: 'assistant', content: [{ type: 'tool_use', id, name: 'f', input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: 'x' }] },
      ]),
    ],
    tools: [{ name: 'f', input_schema: {} }],
    tool_choice: { type: 'tool', name },
  });
  expect(ofMessages.status).toBe(400);
  expect(ofMessages.text).toContain("'tool_choice.name'");
  expect(ofMessages.text.length).toBeLessThan(1_000);
});

test.each<[string, object]>([
  ['noncharacters', { messages: [{ role: 'user', content: '\ufdd0'.repeat(300_000) }] }],
  ['beginnings of special tokens', { messages: [{ role: 'user', content: '<|'.repeat(150_000) }] }],
  ['white space', { messages: [{ role: 'user', content: ' \n'.repeat(150_000) }] }],
  [
    'messages',
    {
      messages: Array.from({ length: 10_000 }, (_, i) => ({
        role: i % 2 ? 'assistant' : 'user',
        content: 'x',
      })),
    },
  ],
  [
    'tools',
    {
      messages: [{ role: 'user', content: 'x' }],
      tools: Array.from({ length: 128 }, (_, i) => {
        return { type: 'function', function: { name: `f${i}`, description: 'd'.repeat(1_000) } };
      }),
    },
  ],
])('a chat of many %s is answered', async (_what, fields) => {
  const { status, text } = await ask('/v1/chat/completions', fields);
  expect(status, text.slice(0, 300)).toBe(200);
});

test('long texts in error messages are cut', async () => {
  const key = 'k'.repeat(1_000_000);
  const { status, text } = await ask('/v1/chat/completions', {
    messages: [{ role: 'user', content: 'x' }],
    [key]: 1,
  });
  expect(status).toBe(400);
  expect(text.length).toBeLessThan(1_000);
});
