// POST /v1/messages of a running `up` on nano, through Anthropic's client.
import Anthropic, { BadRequestError, NotFoundError } from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { beforeAll, expect, it } from 'vitest';
import { message } from '../../gateway/api/anthropic/shapes.ts';
import { eventually } from '../../support/process.ts';
import { engineCounter, type Gateway, startUp } from '../gateway.ts';

let up: Gateway;
let client: Anthropic;
beforeAll(async () => {
  up = await startUp('nano', ['--shards', '2']);
  client = new Anthropic({ baseURL: up.url, apiKey: 'none', maxRetries: 0 });
});

const messages = [{ role: 'user' as const, content: 'Tell me of the sea.' }];
const weather = {
  name: 'weather',
  description: 'The weather of a city.',
  input_schema: {
    type: 'object' as const,
    properties: { city: { type: 'string' as const, maxLength: 12 } },
    required: ['city'],
    additionalProperties: false,
  },
};

it('an answer has the same text, streamed or not', async () => {
  const asked = { model: up.model, system: 'Be brief.', messages, max_tokens: 12, seed: 5 };
  const whole = await client.messages.create(asked);
  message.parse({ ...whole });
  const [block] = whole.content;
  if (block?.type !== 'text') throw new Error(`the content is ${block?.type}`);
  expect(whole.usage.output_tokens).toBeLessThanOrEqual(12);
  const stream = client.messages.stream(asked);
  let text = '';
  stream.on('text', (delta) => (text += delta));
  const last = await stream.finalMessage();
  expect(text).toBe(block.text);
  expect(last).toMatchObject({ content: whole.content, stop_reason: whole.stop_reason });
  expect(last.usage.output_tokens).toBe(whole.usage.output_tokens);
  const { input_tokens } = await client.messages.countTokens({
    model: up.model,
    system: 'Be brief.',
    messages,
  });
  expect(input_tokens).toBe(whole.usage.input_tokens + (whole.usage.cache_read_input_tokens ?? 0));
});

it('a stop sequence ends the answer, and stop_sequence names it', async () => {
  const asked = { model: up.model, messages, max_tokens: 200, seed: 5 };
  const { stop_reason, stop_sequence } = await client.messages.create({ ...asked, stop_sequences: ['e'] });
  expect({ stop_reason, stop_sequence }).toEqual({ stop_reason: 'stop_sequence', stop_sequence: 'e' });
});

it('a tool is called, streamed or not, and its result is accepted', async () => {
  const asked = {
    ...{ model: up.model, messages, max_tokens: 100, seed: 7, tools: [weather] },
    tool_choice: { type: 'tool' as const, name: 'weather' },
  };
  const whole = await client.messages.create(asked);
  const [use] = whole.content;
  if (use?.type !== 'tool_use') throw new Error(`the content is ${use?.type}`);
  expect(whole.stop_reason).toBe('tool_use');
  expect(use).toMatchObject({ name: 'weather', input: { city: expect.any(String) } });
  const streamed = await client.messages.stream(asked).finalMessage();
  expect(streamed.content).toMatchObject([{ type: 'tool_use', input: use.input }]);
  const result = { type: 'tool_result' as const, tool_use_id: use.id, content: 'Blue sky.' };
  const after = await client.messages.create({
    ...{ model: up.model, max_tokens: 8, tools: [weather] },
    messages: [
      ...messages,
      { role: 'assistant', content: whole.content },
      { role: 'user', content: [result] },
    ],
  });
  expect(after.usage.output_tokens).toBeGreaterThan(0);
});

it.each([false, true])(
  'the client’s tool runner runs a tool and sends its result; stream: %s',
  async (stream) => {
    const inputs: unknown[] = [];
    const tool = betaTool({
      ...{ name: 'weather', description: weather.description, inputSchema: weather.input_schema },
      run: (input) => {
        inputs.push(input);
        return 'Blue sky.';
      },
    });
    // The runner first sends the field `thread`. The server refuses it, and the runner repeats the request without it.
    const runner = client.beta.messages.toolRunner({
      ...{ model: up.model, messages, max_tokens: 100, tools: [tool], stream },
      ...{ tool_choice: { type: 'tool', name: 'weather' }, max_iterations: 2 },
    });
    for await (const _ of runner);
    expect(inputs.length).toBeGreaterThan(0);
    expect(inputs[0]).toEqual({ city: expect.any(String) });
  },
);

it('an answer continues a final assistant message like an uninterrupted answer', async () => {
  const asked = { model: up.model, max_tokens: 20, temperature: 0 };
  const text = async (turns: Anthropic.MessageParam[], most = 20) => {
    const { content } = await client.messages.create({ ...asked, messages: turns, max_tokens: most });
    return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
  };
  const begun = await text(messages, 8);
  const rest = await text([...messages, { role: 'assistant', content: begun }], 12);
  expect(begun + rest).toBe(await text(messages));
});

it('the answer to max_tokens 0 has an empty text and no output tokens', async () => {
  const asked = { model: up.model, messages, max_tokens: 0 };
  const answer = await client.messages.create(asked);
  expect(answer).toMatchObject({ content: [{ type: 'text', text: '' }], stop_reason: 'max_tokens' });
  expect(answer.usage.output_tokens).toBe(0);
  expect(await client.messages.stream(asked).finalMessage()).toMatchObject({ content: answer.content });
});

it('the answer satisfies a schema', async () => {
  const schema = {
    type: 'object',
    properties: { calm: { type: 'boolean' }, waves: { type: 'integer', minimum: 0, maximum: 9 } },
    required: ['calm', 'waves'],
    additionalProperties: false,
  };
  const asked = {
    ...{ model: up.model, messages, max_tokens: 100, temperature: 1 },
    output_config: { format: { type: 'json_schema' as const, schema } },
  };
  const { content } = await client.messages.create(asked);
  const [block] = content;
  if (block?.type !== 'text') throw new Error(`the content is ${block?.type}`);
  expect(JSON.parse(block.text)).toEqual({ calm: expect.any(Boolean), waves: expect.any(Number) });
});

it('the generation stops when the client leaves a stream', async () => {
  const aborted = await engineCounter(up, 'aborted_sequences');
  const asked = { model: up.model, messages, max_tokens: 1500, ignore_eos: true };
  const stream = client.messages.stream(asked);
  for await (const event of stream) if (event.type === 'content_block_delta') break;
  await eventually(async () => (await engineCounter(up, 'aborted_sequences')) > aborted);
});

it('errors have a status, a type and the id of the request', async () => {
  const asked = { model: up.model, messages, max_tokens: 5 };
  const thrown = (call: Promise<unknown>) => call.catch((error: unknown) => error);
  const hot = { ...asked, temperature: 1.5 };
  const refused = await thrown(client.messages.create(hot));
  expect(refused).toBeInstanceOf(BadRequestError);
  expect(refused).toMatchObject({
    type: 'invalid_request_error',
    requestID: expect.stringMatching(/^req_/),
    message: expect.stringContaining("'temperature'"),
  });
  expect(await thrown(client.messages.create({ ...asked, model: 'claude' }))).toBeInstanceOf(NotFoundError);
  const stream = client.messages.stream({
    ...asked,
    messages: [{ role: 'user', content: 'x '.repeat(9_000) }],
  });
  expect(await thrown(stream.finalMessage())).toMatchObject({ status: 400, type: 'invalid_request_error' });
});
