// A client may send an answer back as a message of the history. These tests send answers of OpenAI, vLLM, OpenRouter, LiteLLM,
// their clients and this server, and check what the chat template gets.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatSchema } from '../../../../gateway/api/requests/fields/schema.ts';
import { withoutNulls } from '../../../../gateway/api/requests/fields/schema-walk.ts';
import { JSON_TYPE, MODEL, type Room, startRoom } from '../harness.ts';

/** Writes every field that it gets of a message. */
const TEMPLATE =
  "{% for m in messages %}[{{ m.role }}:{{ m.content or '' }}{% if m.reasoning_content %} thought {{ m.reasoning_content }}{% endif %}{% for c in m.tool_calls or [] %} calls {{ c.id }} {{ c.function.name }} {{ c.function.arguments | tojson }}{% endfor %}{% if m.tool_call_id %} of {{ m.tool_call_id }}{% endif %}]{% endfor %}{# 'tool' #}";

let room: Room;
beforeAll(async () => {
  room = await startRoom({ chat: TEMPLATE, context: 512 });
});
afterAll(() => room.server.close(0));

const user = { role: 'user', content: 'a' };

/** Sends the messages between two user messages. Returns what the template writes for them. */
async function shown(messages: object[]) {
  const body = { model: MODEL, messages: [user, ...messages, user], max_tokens: 4 };
  const answer = await room.post('/v1/chat/completions', body);
  expect([answer.status, answer.body.error]).toEqual([200, undefined]);
  const tokens = [...(room.engine.requests.at(-1)?.prompt ?? [])];
  const told = await fetch(`${room.url}/detokenize`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ tokens }),
  });
  const { prompt }: { prompt: string } = JSON.parse(await told.text());
  const noEffect = answer.headers.get('x-expertgrid-no-effect')?.split(', ') ?? [];
  return { text: prompt.slice('[user:a]'.length, -'[user:a]'.length), noEffect };
}

const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"x": 1}' } };
const nulls = { refusal: null, annotations: null, audio: null, function_call: null, tool_calls: null };

type Case = [whose: string, message: object, text: string, noEffect?: string[]];
const cases: Case[] = [
  [
    'OpenAI',
    { role: 'assistant', content: 'b', ...nulls, annotations: [] },
    '[assistant:b]',
    ['messages.annotations'],
  ],
  [
    'OpenAI with a citation',
    { role: 'assistant', content: 'b', annotations: [{ type: 'url_citation', url_citation: { url: 'x' } }] },
    '[assistant:b]',
    ['messages.annotations'],
  ],
  ['OpenAI with a refusal', { role: 'assistant', content: null, refusal: 'No.' }, '[assistant:No.]'],
  [
    'OpenAI with a part that is a refusal',
    {
      role: 'assistant',
      content: [
        { type: 'text', text: 'b' },
        { type: 'refusal', refusal: 'No.' },
      ],
    },
    '[assistant:b\nNo.]',
  ],
  [
    "OpenAI's client with parsed values",
    {
      ...{ role: 'assistant', content: null, refusal: null, parsed: { a: [null] } },
      tool_calls: [{ ...call, function: { ...call.function, parsed_arguments: { x: 1 } } }],
    },
    '[assistant: calls call_1 f {"x": 1}]',
    ['messages.tool_calls.function.parsed_arguments', 'messages.parsed'],
  ],
  [
    "OpenAI's agents",
    { role: 'assistant', content: [{ type: 'text', text: 'b', role: 'assistant', refusal: null }] },
    '[assistant:b]',
    ['messages.content.role'],
  ],
  [
    'vLLM',
    { role: 'assistant', content: 'b', ...nulls, reasoning: null, reasoning_content: null },
    '[assistant:b]',
  ],
  ['vLLM with thinking', { role: 'assistant', content: 'b', reasoning: 'Hm.' }, '[assistant:b thought Hm.]'],
  [
    'vLLM with thinking alone',
    { role: 'assistant', content: null, reasoning: 'Hm.', reasoning_content: 'Hm.' },
    '[assistant: thought Hm.]',
  ],
  [
    'OpenRouter',
    {
      ...{ role: 'assistant', content: 'b', reasoning: 'Hm.', refusal: null, images: [] },
      reasoning_details: [{ type: 'reasoning.text', text: 'Hm.', signature: null }],
    },
    '[assistant:b thought Hm.]',
    ['messages.reasoning_details'],
  ],
  [
    'LiteLLM',
    {
      ...{ role: 'assistant', content: 'b', provider_specific_fields: { a: null }, thinking_blocks: [{}] },
      tool_calls: [{ ...call, index: 0, provider_specific_fields: { thought_signature: 's' } }],
    },
    '[assistant:b calls call_1 f {"x": 1}]',
    [
      'messages.tool_calls.index',
      'messages.tool_calls.provider_specific_fields',
      'messages.thinking_blocks',
      'messages.provider_specific_fields',
    ],
  ],
  [
    'a client that adds cache hints',
    {
      ...{ role: 'assistant', cache_control: { type: 'ephemeral' } },
      content: [{ type: 'text', text: 'b', cache_control: { type: 'ephemeral', ttl: '1h' } }],
    },
    '[assistant:b]',
    ['messages.content.cache_control', 'messages.cache_control'],
  ],
  [
    'lm-evaluation-harness',
    { role: 'assistant', content: 'b', type: 'text' },
    '[assistant:b]',
    ['messages.type'],
  ],
  [
    'a client that adds an id and a status',
    { role: 'assistant', content: 'b', id: 'msg_1', status: 'completed', type: 'message' },
    '[assistant:b]',
    ['messages.type', 'messages.id', 'messages.status'],
  ],
  [
    'Anthropic in the shape of LiteLLM',
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Hm.', signature: 's' },
        { type: 'text', text: 'b' },
      ],
    },
    '[assistant:b thought Hm.]',
    ['messages.content.signature'],
  ],
  [
    'Mistral',
    {
      ...{ role: 'assistant', prefix: false },
      content: [
        { type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }] },
        { type: 'text', text: 'b' },
      ],
    },
    '[assistant:b thought Hm.]',
  ],
  ['a part with empty text', { role: 'assistant', content: [{ type: 'text', text: '' }] }, '[assistant:]'],
  [
    'an assistant without parts',
    { role: 'assistant', content: [], tool_calls: [call] },
    '[assistant: calls call_1 f {"x": 1}]',
  ],
  ['an assistant with no tool calls', { role: 'assistant', content: 'b', tool_calls: [] }, '[assistant:b]'],
  ['the system with parts', { role: 'system', content: [{ type: 'text', text: 'b' }] }, '[system:b]'],
];

describe('a message is accepted as history', () => {
  test.each(cases)('from %s', async (_, message, text, noEffect = []) => {
    expect(await shown([message])).toEqual({ text, noEffect });
  });

  test.each([false, true])('from this server through OpenAI’s client (stream: %s)', async (stream) => {
    const asked = { model: MODEL, messages: [{ role: 'user' as const, content: 'a' }], max_tokens: 4 };
    const { chat } = room.client;
    const answer = stream
      ? await chat.completions.stream(asked).finalChatCompletion()
      : await chat.completions.create(asked);
    const [{ message }] = answer.choices;
    expect((await shown([message])).text).toBe(`[assistant:${message.content}]`);
  });
});

test('an older function call and its result become a tool call and its result', async () => {
  const { text } = await shown([
    { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
    { role: 'function', name: 'f', content: 'r' },
  ]);
  expect(text).toBe('[assistant: calls function_call_1 f {}][tool:r of function_call_1]');
});

test.each<[message: object, param: string, code: string]>([
  [{ role: 'assistant', content: 'b', audio: { id: 'a' } }, 'audio', 'unsupported_parameter'],
  [{ role: 'assistant', content: 'b', images: [{}] }, 'images', 'unsupported_parameter'],
  [{ role: 'assistant', content: 'b', prefix: true }, 'prefix', 'invalid_parameter_combination'],
  [
    { role: 'assistant', content: 'b', reasoning: 'x', reasoning_content: 'y' },
    'reasoning',
    'invalid_parameter_combination',
  ],
  [{ role: 'user', content: 'b', reasoning: 'x' }, 'reasoning', 'invalid_value'],
  [{ role: 'user', content: 'b', refusal: 'x' }, 'refusal', 'invalid_value'],
  [{ role: 'user', content: [{ type: 'refusal', refusal: 'x' }] }, 'content[0].type', 'invalid_value'],
  [{ role: 'user', content: [{ type: 'thinking', thinking: 'x' }] }, 'content[0].type', 'invalid_value'],
  [{ role: 'function', content: 'b' }, 'name', 'missing_required_parameter'],
  [{ role: 'function', name: 'f', content: 'b' }, 'name', 'invalid_value'],
])('answers 400 naming the invalid field of the message %j', async (message, field, code) => {
  const body = { model: MODEL, messages: [user, message, user] };
  const { status, body: answer } = await room.post('/v1/chat/completions', body);
  expect([status, answer.error.param, answer.error.code]).toEqual([400, `messages[1].${field}`, code]);
});

test('accepts an empty result of a tool', async () => {
  const { text } = await shown([
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'call_1', content: [] },
  ]);
  expect(text).toBe('[assistant: calls call_1 f {"x": 1}][tool: of call_1]');
});

test('null fields count as absent at every depth, except in the client’s own data', () => {
  const data = { const: null, enum: [null, { a: null }] };
  const tool = { type: 'function', function: { name: 'f', parameters: data } };
  const format = { type: 'json_schema', json_schema: { name: 'x', schema: data } };
  const kept = { metadata: { a: null }, chat_template_kwargs: { b: null }, documents: [{ c: null }] };
  const without = {
    ...{ model: MODEL, messages: [user], tools: [tool], response_format: format, ...kept },
    stream_options: {},
  };
  const given = {
    ...{ ...without, n: null, unheard_of: null },
    messages: [{ ...user, name: null, unheard_of: null }],
    tools: [{ ...tool, function: { ...tool.function, description: null, strict: null } }],
    response_format: { ...format, json_schema: { ...format.json_schema, description: null } },
    stream_options: { include_usage: null },
  };
  expect(withoutNulls(chatSchema, given)).toEqual(without);
});
