// Tool calls in the syntaxes of models, through the clients that OpenAI and Anthropic publish.
import Anthropic from '@anthropic-ai/sdk';
import { expect, test } from 'vitest';
import { callModels, callTools } from '../../../support/models/call-models.ts';
import { MODEL } from '../harness.ts';
import { messages, piecesOf, requireCalls, roomOf } from './call-rooms.ts';

// Without a tag, with elements, and with channels. The slow suite tries all syntaxes, and other tests use that of Hermes.
const SOME = ['Llama pythonic', 'Qwen3-Coder', 'GPT-OSS'];

test.each(callModels.filter(({ name }) => SOME.includes(name)))(
  'calls of $name reach the clients of the three endpoints, whole and streamed',
  requireCalls,
);

test.each(callModels.filter(({ name }) => ['Llama pythonic', 'GPT-OSS'].includes(name)))(
  'an answer of $name that is cut off anywhere in a call ends its stream in order',
  async (model) => {
    const { client } = await roomOf(model, model.weather);
    for (const max_tokens of [1, 40]) {
      const asked = { model: MODEL, messages, tools: callTools, max_tokens };
      const { finish_reason, message } = (await client.chat.completions.create(asked)).choices[0];
      expect([finish_reason, message.content ?? '']).toEqual(['length', '']);
      const pieces = await piecesOf(client, asked);
      expect(pieces.map((piece) => piece.index)).toEqual(pieces.map(() => 0));
    }
  },
);

const harmony = callModels.find(({ name }) => name === 'GPT-OSS');
if (harmony === undefined) throw new Error('there is no model with channels');
const channel = (name: string, text: string) => `<|channel|>${name}<|message|>${text}`;

test('messages on channels are thinking, content and a call', async () => {
  const next = '<|end|><|start|>assistant';
  const thought = channel('analysis', 'Hm.') + next;
  const said = await roomOf(harmony, thought + channel('final', 'Yes <b>.'));
  const { choices, usage } = await said.client.chat.completions.create({ model: MODEL, messages });
  expect(choices[0]).toMatchObject({
    message: { content: 'Yes <b>.', reasoning_content: 'Hm.' },
    finish_reason: 'stop',
  });
  expect(usage?.completion_tokens_details?.reasoning_tokens).toBe(3);

  const text = thought + channel('analysis', 'Well.') + next + channel('commentary', 'Looking.') + next;
  const called = await roomOf(harmony, text + harmony.weather);
  const asked = { model: MODEL, messages, tools: callTools };
  const { message, finish_reason } = (await called.client.chat.completions.create(asked)).choices[0];
  expect([finish_reason, message]).toMatchObject([
    'tool_calls',
    { content: 'Looking.', reasoning_content: 'Hm.\nWell.', tool_calls: [{ function: { name: 'weather' } }] },
  ]);
  const anthropic = new Anthropic({ baseURL: called.url, apiKey: 'none', maxRetries: 0 });
  const thinking = { type: 'enabled' as const, budget_tokens: 1024 };
  const answer = await anthropic.messages
    .stream({
      model: MODEL,
      messages,
      max_tokens: 2000,
      thinking,
      tools: [{ name: 'weather', input_schema: { type: 'object' } }],
    })
    .finalMessage();
  expect(answer.content.map(({ type }) => type)).toEqual(['thinking', 'text', 'tool_use']);
});

test('the header of a call may name the tool before the channel, as in the template of GPT-OSS', async () => {
  const text = `<|start|>assistant to=functions.time<|channel|>commentary json<|message|>{}`;
  const { client } = await roomOf(harmony, text);
  const { choices } = await client.chat.completions.create({ model: MODEL, messages, tools: callTools });
  expect(choices[0].message.tool_calls).toMatchObject([{ function: { name: 'time', arguments: '{}' } }]);
});

test('without tools, the form of an answer applies to the channel of the answer', async () => {
  const { client, engine } = await roomOf(harmony, channel('final', '{"a":1}'));
  const schema = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] };
  const { choices } = await client.chat.completions.create({
    model: MODEL,
    messages,
    response_format: { type: 'json_schema', json_schema: { name: 'a', schema } },
  });
  expect(choices[0].message.content).toBe('{"a":1}');
  const { constraint } = engine.requests[0];
  const after = constraint?.type === 'thinking' ? constraint.then : undefined;
  expect(after).toMatchObject({ type: 'tool_calls', mode: 'auto', tools: [] });
});

test.each([
  ['a name of an argument that cannot be written without quotes', { 'a b': { type: 'string' } }, 'a b'],
  ['a strict schema that is not supported', { a: { not: { type: 'string', pattern: '(a)\\1' } } }, ''],
])('%s is a 400 that names the tool', async (_, properties, named) => {
  const qwen = callModels.find(({ name }) => name === 'Qwen3-Coder');
  if (qwen === undefined) throw new Error('there is no model with elements');
  const { post } = await roomOf(qwen, qwen.time);
  const parameters = { type: 'object', properties };
  const tools = [{ type: 'function', function: { name: 'f', parameters, strict: true } }];
  const { status, body } = await post('/v1/chat/completions', { model: MODEL, messages, tools });
  expect([status, body.error.code]).toEqual([400, 'invalid_json_schema']);
  expect(body.error.param).toMatch(/^tools\[0\]\.function\.parameters/);
  expect(body.error.message).toContain(named);
});

test('a template gets arguments as text if it joins them, and thinking next to calls by the name that it reads', async () => {
  const called = {
    role: 'assistant' as const,
    content: null,
    reasoning_content: 'Hm.',
    tool_calls: [
      { id: 'call_1', type: 'function' as const, function: { name: 'time', arguments: '{"a": 1}' } },
    ],
  };
  const history = [...messages, called, { role: 'tool' as const, tool_call_id: 'call_1', content: 'noon' }];
  const shown = "{% for m in messages if m.role == 'assistant' %}{% set message = m %}";
  const joined = "{% for tool in m.tool_calls %}{{ tool['function']['arguments'] + '!' }}{% endfor %}";
  const template = `${shown}${joined}{{ message.thinking }}{% endfor %}{# 'tool' #}`;
  const room = await roomOf({ name: '', template, specials: [], weather: '', time: '' }, 'Fine.');
  await room.client.chat.completions.create({ model: MODEL, messages: history });
  const { prompt } = room.engine.requests[0];
  const { body } = await room.post('/detokenize', { model: MODEL, tokens: [...prompt] });
  expect(body).toMatchObject({ prompt: '{"a": 1}!Hm.' });
});
