// POST /v1/responses of a running `up` on nano, through OpenAI's client.
import OpenAI, { APIError, BadRequestError, NotFoundError } from 'openai';
import { beforeAll, expect, it } from 'vitest';
import { response } from '../../gateway/api/responses/shapes.ts';
import { eventually } from '../../support/process.ts';
import { engineCounter, type Gateway, startUp } from '../gateway.ts';

let up: Gateway;
let client: OpenAI;
beforeAll(async () => {
  up = await startUp('nano', ['--shards', '2']);
  client = new OpenAI({ baseURL: `${up.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

const input = 'Tell me of the sea.';
const weather = {
  type: 'function' as const,
  name: 'weather',
  description: 'The weather of a city.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string', maxLength: 12 } },
    required: ['city'],
    additionalProperties: false,
  },
  strict: true,
};

/** The response without `output_text`, which the client adds. */
const published = ({ output_text: _, ...body }: OpenAI.Responses.Response) => response.parse(body);

/** The output as input of the next request. The client's types of the two differ only in items that this server never writes. */
const given = ({ output }: OpenAI.Responses.Response) => {
  return output.filter((item) =>
    ['message', 'function_call', 'reasoning'].includes(item.type),
  ) as OpenAI.Responses.ResponseInput;
};

it('an answer has the same text, streamed or not', async () => {
  const asked = { model: up.model, instructions: 'Be brief.', input, max_output_tokens: 12, seed: 5 };
  const whole = await client.responses.create(asked);
  published(whole);
  expect(whole.output_text.length).toBeGreaterThan(0);
  expect(whole.usage?.output_tokens).toBeLessThanOrEqual(12);
  let text = '';
  for await (const event of await client.responses.create({ ...asked, stream: true })) {
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  expect(text).toBe(whole.output_text);
  const last = await client.responses.stream(asked).finalResponse();
  expect(last.output_text).toBe(whole.output_text);
  expect(last.usage).toMatchObject({ output_tokens: whole.usage?.output_tokens });
});

it('a conversation continues with the unchanged output of its answer', async () => {
  const turns: OpenAI.Responses.ResponseInput = [{ role: 'user', content: input }];
  const first = await client.responses.create({ model: up.model, input: turns, max_output_tokens: 8 });
  turns.push(...given(first), { role: 'user', content: 'And then?' });
  const second = await client.responses.create({ model: up.model, input: turns, max_output_tokens: 8 });
  expect(second.usage?.input_tokens).toBeGreaterThan(first.usage?.input_tokens ?? 0);
});

it('a function is called, streamed or not, and its output is accepted', async () => {
  const asked = {
    ...{ model: up.model, input, max_output_tokens: 100, seed: 7 },
    ...{ tools: [weather], tool_choice: 'required' as const, parallel_tool_calls: false },
  };
  const whole = await client.responses.create(asked);
  const [call] = published(whole).output;
  if (call?.type !== 'function_call') throw new Error(`the output is ${call?.type}`);
  expect(call.name).toBe('weather');
  expect(JSON.parse(call.arguments)).toEqual({ city: expect.any(String) });
  const streamed = await client.responses.stream(asked).finalResponse();
  expect(streamed.output).toMatchObject([{ type: 'function_call', arguments: call.arguments }]);
  const after = await client.responses.create({
    ...{ model: up.model, tools: [weather], max_output_tokens: 8 },
    input: [
      { role: 'user', content: input },
      ...given(whole),
      { type: 'function_call_output', call_id: call.call_id, output: '{"sky":"blue"}' },
    ],
  });
  expect(['completed', 'incomplete']).toContain(after.status);
});

it('the answer satisfies a schema', async () => {
  const format = {
    ...{ type: 'json_schema' as const, name: 'answer', strict: true },
    schema: {
      type: 'object',
      properties: { calm: { type: 'boolean' }, waves: { type: 'integer', minimum: 0, maximum: 9 } },
      required: ['calm', 'waves'],
      additionalProperties: false,
    },
  };
  const asked = {
    model: up.model,
    input,
    text: { format },
    max_output_tokens: 100,
    temperature: 1.5,
    seed: 3,
  };
  const { output_parsed, output_text } = await client.responses.parse<
    typeof asked,
    { calm: boolean; waves: number }
  >(asked);
  expect(JSON.parse(output_text)).toEqual({ calm: expect.any(Boolean), waves: expect.any(Number) });
  expect(output_parsed === null || typeof output_parsed.calm === 'boolean').toBe(true);
  expect((await client.responses.stream(asked).finalResponse()).output_text).toBe(output_text);
});

it('the generation stops when the client leaves a stream', async () => {
  const aborted = await engineCounter(up, 'aborted_sequences');
  const asked = { model: up.model, input, max_output_tokens: 1500, stream: true as const, ignore_eos: true };
  const stream = await client.responses.create(asked);
  for await (const event of stream) if (event.type === 'response.output_text.delta') break;
  await eventually(async () => (await engineCounter(up, 'aborted_sequences')) > aborted);
});

it('errors have a status, a code and a param', async () => {
  const asked = { model: up.model, input };
  const thrown = (call: Promise<unknown>) => call.catch((error: unknown) => error);
  const refused = await thrown(client.responses.create({ ...asked, previous_response_id: 'resp_1' }));
  expect(refused).toBeInstanceOf(BadRequestError);
  expect(refused).toMatchObject({ param: 'previous_response_id', code: 'unsupported_parameter' });
  expect(await thrown(client.responses.create({ ...asked, model: 'gpt-5' }))).toBeInstanceOf(NotFoundError);
  const stream = client.responses.stream({ ...asked, max_output_tokens: 100_000 });
  expect(await thrown(stream.finalResponse())).toMatchObject({
    code: 'context_length_exceeded',
    param: 'input',
  });
  const image = [
    { role: 'user' as const, content: [{ type: 'input_image' as const, detail: 'auto' as const }] },
  ];
  expect(await thrown(client.responses.create({ ...asked, input: image }))).toBeInstanceOf(APIError);
});
