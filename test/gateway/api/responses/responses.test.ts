// POST /v1/responses: answers, streamed or not, in the shapes that OpenAI publishes.
import { expect, test } from 'vitest';
import {
  OPEN_THINKING_TEMPLATE,
  THINKING_TOOL_TEMPLATE,
  TOOL_TEMPLATE,
} from '../../../support/models/chat-templates.ts';
import { namedEvents } from '../anthropic/named-events.ts';
import { idOf, JSON_TYPE, MODEL, openRoom, type Room, say, until } from '../harness.ts';
import { event, type ResponseBody, type ResponseEventBody, response } from './shapes.ts';

const send = ({ url }: Room, body: object, path = '/v1/responses') =>
  fetch(url + path, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ model: MODEL, input: 'hello', ...body }),
  });

async function whole(room: Room, body: object): Promise<ResponseBody> {
  return response.parse(await (await send(room, body)).json());
}

async function streamed(room: Room, body: object): Promise<ResponseEventBody[]> {
  const answer = await send(room, { ...body, stream: true });
  expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const events = namedEvents(await answer.text(), event);
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual([...events.keys()]);
  return events;
}

function lastResponse(events: readonly ResponseEventBody[]): ResponseBody {
  const last = events.at(-1);
  if (last === undefined || !('response' in last)) throw new Error(`the last event is ${last?.type}`);
  return last.response;
}

/** The response without the ids and times, which differ between two answers. */
const unmarked = ({ id: _, created_at: _at, completed_at: _done, output, ...rest }: ResponseBody) => {
  return { ...rest, output: output.map(({ id: _id, ...item }) => item) };
};

const weather = {
  type: 'function',
  name: 'weather',
  description: 'Of a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
};
const call = (args: string) => `<tool_call>\n{"name": "weather", "arguments": ${args}}\n</tool_call>`;

test('the events of a streamed text add up to the response that is not streamed', async () => {
  const room = await openRoom({ once: true });
  const asked = { seed: 3, instructions: 'Be brief.', metadata: { a: 'b' }, user: 'u', temperature: 0.5 };
  const answer = await whole(room, asked);
  expect(answer).toMatchObject({
    status: 'completed',
    model: MODEL,
    output: [{ type: 'message', status: 'completed', content: [{ text: 'hello world' }] }],
    usage: { output_tokens: 2, input_tokens: room.engine.requests[0]?.prompt.length },
    ...{ instructions: 'Be brief.', metadata: { a: 'b' }, user: 'u', temperature: 0.5 },
    expertgrid: { seed: 3 },
  });
  const events = await streamed(room, asked);
  expect(events.map(({ type }) => type)).toEqual([
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.content_part.added',
    'response.output_text.delta',
    'response.output_text.delta',
    'response.output_text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.completed',
  ]);
  expect(unmarked(lastResponse(events))).toEqual(unmarked(answer));
  const deltas = events.flatMap((each) => (each.type === 'response.output_text.delta' ? [each.delta] : []));
  expect(deltas.join('')).toBe('hello world');
});

test('every event of an item contains the id and the index of the item', async () => {
  const room = await openRoom({
    once: true,
    chat: TOOL_TEMPLATE,
    reply: () => say(`Look: ${call('{"city": "Bonn"}')}`),
  });
  const events = await streamed(room, { tools: [weather] });
  const { output } = lastResponse(events);
  expect(output.map(({ type }) => type)).toEqual(['message', 'function_call']);
  for (const each of events) {
    if ('item_id' in each) expect(output[each.output_index]?.id).toBe(each.item_id);
    if ('item' in each) expect(output[each.output_index]?.id).toBe(each.item.id);
  }
});

test('a function call is an item, and its arguments are streamed in pieces', async () => {
  const room = await openRoom({
    once: true,
    chat: TOOL_TEMPLATE,
    reply: () => say(call('{"city": "Bonn"}')),
  });
  const asked = { tools: [weather], tool_choice: 'required', parallel_tool_calls: false };
  const answer = await whole(room, asked);
  expect(answer).toMatchObject({
    status: 'completed',
    output: [{ type: 'function_call', name: 'weather', arguments: '{"city": "Bonn"}', status: 'completed' }],
    tools: [{ name: 'weather', strict: null }],
    tool_choice: 'required',
    parallel_tool_calls: false,
  });
  expect(room.engine.requests[0]?.constraint).toMatchObject({ type: 'tool_calls', parallel: false });
  const events = await streamed(room, asked);
  const pieces = events.flatMap((each) => {
    return each.type === 'response.function_call_arguments.delta' ? [each.delta] : [];
  });
  expect(pieces.join('')).toBe('{"city": "Bonn"}');
  expect(pieces.length).toBeGreaterThan(1);
  const done = events.find(({ type }) => type === 'response.function_call_arguments.done');
  expect(done).toMatchObject({ arguments: '{"city": "Bonn"}' });
});

test('a call and its result that are sent back reach the template', async () => {
  const replies = [call('{"city": "Bonn"}'), 'Sunny.'];
  const room = await openRoom({
    once: true,
    chat: TOOL_TEMPLATE,
    reply: () => say(replies.shift() ?? ''),
  });
  const question = { role: 'user', content: 'How is Bonn?' };
  const first = await whole(room, { input: [question], tools: [weather] });
  const asked = first.output[0];
  if (asked?.type !== 'function_call') throw new Error('no call');
  const result = { type: 'function_call_output', call_id: asked.call_id, output: '{"sky": "blue"}' };
  const second = await whole(room, { input: [question, asked, result], tools: [weather] });
  expect(second.output).toMatchObject([{ content: [{ text: 'Sunny.' }] }]);
  const prompt = await promptOf(room, 1);
  expect(prompt).toContain('<tool_call>\n{"name": "weather", "arguments": {"city": "Bonn"}}\n</tool_call>');
  expect(prompt).toContain('<tool_response>\n{"sky": "blue"}\n</tool_response>');
});

/** The text of the prompt of the engine's request number `i`. */
async function promptOf(room: Room, i: number): Promise<string> {
  const tokens = [...(room.engine.requests[i]?.prompt ?? [])];
  const answer = await fetch(`${room.url}/detokenize`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ tokens }),
  });
  const { prompt }: { prompt: string } = JSON.parse(await answer.text());
  return prompt;
}

test('thinking is an item before the text, and its tokens are counted separately', async () => {
  const room = await openRoom({
    once: true,
    chat: OPEN_THINKING_TEMPLATE,
    reply: () => say('a thought</think>\n\nYes'),
  });
  const answer = await whole(room, { reasoning: { effort: 'high', summary: 'auto' } });
  expect(answer.output).toMatchObject([
    {
      type: 'reasoning',
      status: 'completed',
      summary: [],
      content: [{ text: expect.stringMatching('a thought') }],
    },
    { type: 'message', content: [{ text: 'Yes' }] },
  ]);
  expect(answer.reasoning).toEqual({ effort: 'high', summary: null });
  const { output_tokens, output_tokens_details } = answer.usage ?? expect.fail('no usage');
  expect(output_tokens_details.reasoning_tokens).toBeGreaterThan(5);
  expect(output_tokens_details.reasoning_tokens).toBeLessThan(output_tokens);
  const events = await streamed(room, {});
  const types: string[] = events.map(({ type }) => type);
  const order = [
    'response.reasoning_text.delta',
    'response.reasoning_text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.output_text.delta',
  ];
  const places = order.map((type) => types.indexOf(type));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(places).not.toContain(-1);
  expect(unmarked(lastResponse(events)).output).toEqual(unmarked(answer).output);
  // The items may be sent back.
  const back = { input: [{ role: 'user', content: 'Q' }, ...answer.output, { role: 'user', content: 'R' }] };
  expect((await whole(room, back)).status).toBe('completed');
});

test('reasoning, text and call of one turn become one message when they are sent back', async () => {
  const room = await openRoom({
    once: true,
    chat: THINKING_TOOL_TEMPLATE,
    reply: () => say(`<think>hm</think>Look: ${call('{}')}`),
  });
  const { output } = await whole(room, { tools: [weather] });
  expect(output.map(({ type }) => type)).toEqual(['reasoning', 'message', 'function_call']);
  await whole(room, { input: [{ role: 'user', content: 'Q' }, ...output], tools: [weather] });
  expect((await promptOf(room, 1)).match(/<\|assistant\|>/g)).toHaveLength(2);
});

test('an answer that is cut off is incomplete, and so is its last item', async () => {
  const room = await openRoom();
  const asked = { max_output_tokens: 3 };
  const answer = await whole(room, asked);
  expect(answer).toMatchObject({
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    max_output_tokens: 3,
    output: [{ status: 'incomplete' }],
    usage: { output_tokens: 3 },
  });
  const events = await streamed(room, asked);
  expect(events.at(-1)?.type).toBe('response.incomplete');
  expect(unmarked(lastResponse(events)).output).toEqual(unmarked(answer).output);
});

test('an answer without tokens is a message with an empty text', async () => {
  const room = await openRoom({ once: true, reply: () => [] });
  expect((await whole(room, {})).output).toMatchObject([{ type: 'message', content: [{ text: '' }] }]);
  const { output } = lastResponse(await streamed(room, {}));
  expect(output).toMatchObject([{ type: 'message', status: 'completed', content: [{ text: '' }] }]);
});

test('the text has log-probabilities, also of the stop id, if `include` asks for them', async () => {
  const room = await openRoom({ once: true, reply: () => [...say('hello world'), idOf('<|end|>')] });
  const asked = { include: ['message.output_text.logprobs'], top_logprobs: 1 };
  const answer = await whole(room, asked);
  expect(answer.top_logprobs).toBe(1);
  expect(answer.output).toMatchObject([
    {
      content: [
        {
          logprobs: [
            { token: 'hello', bytes: [...Buffer.from('hello')] },
            { token: ' world' },
            { token: '<|end|>', bytes: [] },
          ],
        },
      ],
    },
  ]);
  const events = await streamed(room, asked);
  const tokens = events.flatMap((each) => {
    return each.type === 'response.output_text.delta' ? each.logprobs.map(({ token }) => token) : [];
  });
  expect(tokens).toEqual(['hello', ' world', '<|end|>']);
  expect(unmarked(lastResponse(events)).output).toEqual(unmarked(answer).output);
});

test('a failure after the first event ends the stream with an error event and the failed response', async () => {
  const error = { code: 'shard_unavailable', message: 'shard 2 is gone', retryable: true } as const;
  const room = await openRoom({ fail: { after: 1, error }, stepMs: 5, limits: { admissionMs: 1 } });
  const events = await streamed(room, {});
  expect(events.slice(-2)).toMatchObject([
    { type: 'error', code: 'shard_unavailable', message: 'shard 2 is gone', param: null },
    {
      type: 'response.failed',
      response: {
        status: 'failed',
        error: { code: 'server_error', message: 'shard 2 is gone' },
        output: [{ status: 'incomplete', content: [{ text: 'hello' }] }],
      },
    },
  ]);
  await until(() => room.logs.some(({ status }) => status === 503));
});

test('a stream without other events sends comments', async () => {
  const room = await openRoom({ once: true, prefillMs: 200, limits: { admissionMs: 1, keepAliveMs: 20 } });
  const text = await (await send(room, { stream: true })).text();
  expect(text).toContain(': keep-alive\n\n');
  expect(text.indexOf('response.in_progress')).toBeLessThan(text.indexOf(': keep-alive'));
});

test.each(['/responses', '/v1/responses/', '/responses/'])('%s is the same endpoint', async (path) => {
  const room = await openRoom({ once: true });
  response.parse(await (await send(room, {}, path)).json());
  expect(room.logs.at(-1)).toMatchObject({ path: path.replace(/\/$/, ''), status: 200 });
  expect((await fetch(room.url + path)).status).toBe(405);
});

test('the generation stops when the client leaves a stream', async () => {
  const room = await openRoom({ stepMs: 5 });
  const stream = await room.client.responses.create({ model: MODEL, input: 'x', stream: true });
  for await (const each of stream) if (each.type === 'response.output_text.delta') break;
  await until(() => room.engine.open === 0);
  expect(room.engine.cancelled).toBe(1);
});
