// Tool calls in the syntax of each model, through the clients that OpenAI and Anthropic publish.
import Anthropic from '@anthropic-ai/sdk';
import type OpenAI from 'openai';
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources/chat/completions';
import { describe, expect, test } from 'vitest';
import { createTokenizer } from '../../../../gateway/api/text/tokenizer.ts';
import {
  type CallModel,
  callModels,
  callTools,
  tokenizerWith,
  weatherArguments,
} from '../../../support/models/call-models.ts';
import { MODEL, openRoom } from '../harness.ts';

/** A server whose engine writes this text, in which names of the model's special tokens are these tokens, and then ends. */
async function roomOf(model: CallModel, text: string) {
  const tokenizer = createTokenizer(tokenizerWith(model.specials));
  const idOf = (name: string) => tokenizer.idOf(name) ?? Number.NaN;
  const stopIds = ['<|endoftext|>', ...(model.stops ?? [])].map(idOf);
  const ids = [...tokenizer.encode(text, { addSpecial: false }), stopIds.at(-1) ?? 0];
  const vocab = Math.max(...tokenizer.added.map(({ id }) => id)) + 1;
  return openRoom({ tokenizer, stopIds, vocab, chat: model.template, reply: () => ids, context: 8000 });
}

const messages = [{ role: 'user' as const, content: 'hello' }];
const expected = [
  { name: 'weather', args: weatherArguments },
  { name: 'time', args: {} },
];

describe.each(callModels)('$name', (model) => {
  const text = model.both ?? model.weather;
  const wanted = model.both === undefined ? expected.slice(0, 1) : expected;
  const functions = callTools.map(({ function: own }) => ({ type: 'function' as const, ...own }));
  const inputs = callTools.map(({ function: { name, parameters } }) => {
    return { name, input_schema: { ...parameters, type: 'object' as const } };
  });

  test('calls reach the clients of the three endpoints, whole and streamed', async () => {
    const room = await roomOf(model, text);
    const { client, engine } = room;
    const anthropic = new Anthropic({ baseURL: room.url, apiKey: 'none', maxRetries: 0 });

    const asked = { model: MODEL, messages, tools: callTools };
    const { message: chat, finish_reason } = (await client.chat.completions.create(asked)).choices[0];
    expect([finish_reason, chat.content ?? '']).toEqual(['tool_calls', '']);
    const made = (chat.tool_calls ?? []).flatMap((call) => (call.type === 'function' ? call : []));
    expect(made.map(({ function: { name, arguments: json } }) => ({ name, args: JSON.parse(json) }))).toEqual(
      wanted,
    );
    requireOrder(await piecesOf(client, asked), wanted);

    const stream = client.responses.stream({ model: MODEL, input: 'hello', tools: functions });
    const response = await stream.finalResponse();
    const called = response.output.flatMap((item) => (item.type === 'function_call' ? item : []));
    expect(called.map(({ name, arguments: json }) => ({ name, args: JSON.parse(json) }))).toEqual(wanted);

    const turn = { model: MODEL, messages, max_tokens: 2000, tools: inputs };
    const message = await anthropic.messages.stream(turn).finalMessage();
    const uses = message.content.flatMap((block) => (block.type === 'tool_use' ? block : []));
    expect(uses.map(({ name, input }) => ({ name, args: input }))).toEqual(wanted);
    expect(message.stop_reason).toBe('tool_use');
    expect(engine.requests.every(({ constraint }) => constraint !== undefined)).toBe(true);
  });
});

/** The pieces of calls in a stream. */
async function piecesOf(client: OpenAI, asked: ChatCompletionCreateParamsNonStreaming) {
  const pieces = [];
  for await (const { choices } of await client.chat.completions.create({ ...asked, stream: true })) {
    pieces.push(...(choices[0]?.delta.tool_calls ?? []));
  }
  return pieces;
}

/** Each call begins with its index, id and name. Its other pieces are arguments, and the calls come one after another. */
function requireOrder(pieces: Awaited<ReturnType<typeof piecesOf>>, wanted: typeof expected): void {
  for (const [index, { name, args }] of wanted.entries()) {
    const [first, ...rest] = pieces.filter((piece) => piece.index === index);
    expect(first).toEqual({
      index,
      id: expect.stringMatching(/^call_/),
      type: 'function',
      function: { name, arguments: '' },
    });
    for (const piece of rest) expect(Object.keys(piece).sort()).toEqual(['function', 'index']);
    expect(JSON.parse(rest.map((piece) => piece.function?.arguments).join(''))).toEqual(args);
  }
  const order = pieces.map((piece) => piece.index);
  expect(order).toEqual([...order].sort((a, b) => a - b));
}

test.each(callModels.filter(({ name }) => ['Llama pythonic', 'GLM', 'GPT-OSS'].includes(name)))(
  'an answer of $name that is cut off anywhere in a call ends its stream in order',
  async (model) => {
    const { client } = await roomOf(model, model.weather);
    for (const max_tokens of [1, 9, 40]) {
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
