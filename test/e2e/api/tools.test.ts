// Tools at a running `up` on nano, through OpenAI's client. Calls satisfy their schemas whatever the model prefers.
import { Ajv2020 } from 'ajv/dist/2020.js';
import OpenAI from 'openai';
import type {
  ChatCompletionFunctionTool,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions';
import { beforeAll, expect, it } from 'vitest';
import { requireShape } from '../../gateway/api/clients/openai-shapes.ts';
import { type Gateway, startUp } from '../gateway.ts';

let up: Gateway;
let client: OpenAI;
beforeAll(async () => {
  up = await startUp('nano', ['--in-process']);
  client = new OpenAI({ baseURL: `${up.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

const parameters = {
  type: 'object',
  properties: { city: { enum: ['Bonn', 'Kiel'] }, days: { type: 'integer', minimum: 1, maximum: 9 } },
  required: ['city', 'days'],
  additionalProperties: false,
};
const weather: ChatCompletionFunctionTool = { type: 'function', function: { name: 'weather', parameters } };
const clock: ChatCompletionFunctionTool = {
  type: 'function',
  function: { name: 'clock', parameters: { type: 'object', properties: {}, additionalProperties: false } },
};
const fits = {
  weather: new Ajv2020().compile(parameters),
  clock: new Ajv2020().compile(clock.function.parameters ?? {}),
};
const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: 'What is the weather in Bonn?' }];
const asked = () => ({
  model: up.model,
  messages,
  tools: [weather, clock],
  temperature: 1.5,
  max_tokens: 200,
  parallel_tool_calls: false,
});

it('a required call satisfies its schema, streamed or not', async () => {
  for (const seed of [1, 2, 3, 4]) {
    const request = { ...asked(), tool_choice: 'required' as const, seed };
    const whole = await client.chat.completions.create(request);
    requireShape(whole);
    const { message, finish_reason } = whole.choices[0];
    expect([finish_reason, message.content, message.tool_calls?.length]).toEqual(['tool_calls', null, 1]);
    const call = message.tool_calls?.[0];
    if (call?.type !== 'function') throw new Error('no call of a function');
    const name = call.function.name === 'weather' ? 'weather' : 'clock';
    expect(call.function.name).toBe(name);
    expect(fits[name](JSON.parse(call.function.arguments))).toBe(true);
    const stream = client.chat.completions.stream(request);
    const streamed = (await stream.finalChatCompletion()).choices[0];
    expect(streamed.finish_reason).toBe('tool_calls');
    expect(streamed.message.tool_calls?.[0]).toMatchObject({ function: { ...call.function } });
  }
});

it('a named function is called in every choice', async () => {
  const tool_choice = { type: 'function' as const, function: { name: 'weather' } };
  const { choices } = await client.chat.completions.create({ ...asked(), tool_choice, n: 3, seed: 5 });
  for (const { message, finish_reason } of choices) {
    expect(finish_reason).toBe('tool_calls');
    expect(message.tool_calls).toHaveLength(1);
    const call = message.tool_calls?.[0];
    expect(call?.type === 'function' && call.function.name).toBe('weather');
    expect(call?.type === 'function' && fits.weather(JSON.parse(call.function.arguments))).toBe(true);
  }
});

/** The fields of the three endpoints' answers that the test reads. */
interface Answer {
  choices: [{ message: { tool_calls: [{ function: { arguments: string } }] } }];
  output: [{ arguments: string }];
  content: [{ input: unknown }];
  expertgrid: { schema_notes?: string[] };
}

it('a call satisfies the references of its schema, and the supported parts of a schema that is not strict, at every endpoint', async () => {
  const nested = {
    type: 'object',
    properties: {
      to: { $ref: '#/$defs/Address' },
      // The server does not enforce `uniqueItems`, so the schema that checks the calls leaves it out.
      days: {
        type: 'array',
        items: { type: 'integer', minimum: 1, maximum: 7 },
        uniqueItems: true,
        maxItems: 3,
      },
    },
    required: ['to', 'days'],
    additionalProperties: false,
    $defs: {
      Address: {
        type: 'object',
        properties: { zip: { type: 'string', pattern: '^(?!0)\\d{5}$' }, next: { $ref: '#/$defs/Stop' } },
        required: ['zip', 'next'],
        additionalProperties: false,
      },
      Stop: { anyOf: [{ type: 'null' }, { enum: ['Bonn', 'Kiel'] }] },
    },
  };
  const { uniqueItems: _, ...days } = nested.properties.days;
  const isHeld = new Ajv2020().compile({ ...nested, properties: { ...nested.properties, days } });
  const ask = async (path: string, body: object): Promise<Answer> => {
    const answer = await fetch(`${up.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: up.model, temperature: 1.5, ...body }),
    });
    expect(answer.status).toBe(200);
    return (await answer.json()) as Answer;
  };
  for (const seed of [1, 2]) {
    const chat = await ask('/v1/chat/completions', {
      messages,
      seed,
      max_tokens: 400,
      tool_choice: 'required',
      parallel_tool_calls: false,
      tools: [{ type: 'function', function: { name: 'post', parameters: nested } }],
    });
    expect(isHeld(JSON.parse(chat.choices[0].message.tool_calls[0].function.arguments))).toBe(true);
    expect(chat.expertgrid.schema_notes).toEqual([
      'tools[0].function.parameters.properties.days.uniqueItems',
    ]);
    const response = await ask('/v1/responses', {
      input: 'Post it.',
      max_output_tokens: 400,
      tool_choice: 'required',
      parallel_tool_calls: false,
      tools: [{ type: 'function', name: 'post', parameters: nested }],
    });
    expect(isHeld(JSON.parse(response.output[0].arguments))).toBe(true);
    expect(response.expertgrid.schema_notes).toEqual(['tools[0].parameters.properties.days.uniqueItems']);
    const message = await ask('/v1/messages', {
      messages,
      max_tokens: 400,
      temperature: 1,
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      tools: [{ name: 'post', input_schema: nested }],
    });
    expect(isHeld(message.content[0].input)).toBe(true);
    expect(message.expertgrid.schema_notes).toEqual(['tools[0].input_schema.properties.days.uniqueItems']);
  }
});

it('text is allowed if calls are optional, and the prompt has no tool if no call is allowed', async () => {
  // Enough tokens for a call, because a call that has only begun is neither text nor a call.
  const { choices, usage } = await client.chat.completions.create({ ...asked(), max_tokens: 80, seed: 1 });
  expect(choices[0].message.content || choices[0].message.tool_calls).toBeTruthy();
  const none = await client.chat.completions.create({ ...asked(), tool_choice: 'none', max_tokens: 8 });
  expect(none.usage?.prompt_tokens).toBeLessThan(usage?.prompt_tokens ?? 0);
});

it('a result that is sent back is answered', async () => {
  const { choices } = await client.chat.completions.create({ ...asked(), tool_choice: 'required', seed: 1 });
  const [call] = choices[0].message.tool_calls ?? [];
  const result = { role: 'tool' as const, tool_call_id: call.id, content: 'Sunny.<|end|>' };
  const sent = [...messages, choices[0].message, result];
  const answer = await client.chat.completions.create({ ...asked(), messages: sent, max_tokens: 8 });
  requireShape(answer);
});
