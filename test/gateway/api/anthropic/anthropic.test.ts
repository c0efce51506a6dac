// POST /v1/messages: answers, streamed or not, and failures, in the shapes that Anthropic publishes.
import { expect, test } from 'vitest';
import { hashKey } from '../../../../gateway/api/tenants/keys.ts';
import {
  OPEN_THINKING_TEMPLATE,
  THINKING_TEMPLATE,
  TOOL_TEMPLATE,
} from '../../../support/models/chat-templates.ts';
import { JSON_TYPE, MODEL, openRoom, type Room, say, until } from '../harness.ts';
import { namedEvents } from './named-events.ts';
import { counted, error, event, type MessageBody, type MessageWireEvent, message } from './shapes.ts';

const messages = [{ role: 'user', content: 'hello' }];

const send = ({ url }: Room, body: object, path = '/v1/messages', init: RequestInit = {}) => {
  const asked = { model: MODEL, messages, max_tokens: 100, ...body };
  return fetch(url + path, {
    method: 'POST',
    body: JSON.stringify(asked),
    ...init,
    headers: { ...JSON_TYPE, ...init?.headers },
  });
};

async function whole(room: Room, body: object): Promise<MessageBody> {
  return message.parse(await (await send(room, body)).json());
}

async function streamed(room: Room, body: object): Promise<MessageWireEvent[]> {
  const answer = await send(room, { ...body, stream: true });
  expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  return namedEvents(await answer.text(), event);
}

/** The message that Anthropic's clients build from the events of a stream. */
function added(events: readonly MessageWireEvent[]): MessageBody {
  const [start] = events;
  if (start?.type !== 'message_start') throw new Error(`the first event is ${start?.type}`);
  const made = structuredClone(start.message);
  const inputs: string[] = [];
  for (const each of events) {
    if (each.type === 'content_block_start') made.content[each.index] = structuredClone(each.content_block);
    if (each.type === 'message_delta') {
      Object.assign(made, each.delta, { usage: { ...made.usage, ...each.usage } });
    }
    if (each.type !== 'content_block_delta') continue;
    const block = made.content[each.index];
    if (block?.type === 'text' && each.delta.type === 'text_delta') block.text += each.delta.text;
    else if (block?.type === 'thinking' && each.delta.type === 'thinking_delta') {
      block.thinking += each.delta.thinking;
    } else if (block?.type === 'thinking' && each.delta.type === 'signature_delta') {
      block.signature += each.delta.signature;
    } else if (block?.type === 'tool_use' && each.delta.type === 'input_json_delta') {
      inputs[each.index] = (inputs[each.index] ?? '') + each.delta.partial_json;
    } else throw new Error(`${each.delta.type} for ${block?.type}`);
  }
  made.content.forEach((block, i) => {
    if (block.type === 'tool_use') block.input = JSON.parse(inputs[i] ?? '{}');
  });
  return made;
}

const unmarked = ({ id: _, content, ...rest }: MessageBody) => {
  return {
    ...rest,
    content: content.map((block) => (block.type === 'tool_use' ? { ...block, id: '' } : block)),
  };
};

const weather = {
  name: 'weather',
  input_schema: { type: 'object', properties: { city: { type: 'string' } } },
};
const call = (args: string) => `<tool_call>\n{"name": "weather", "arguments": ${args}}\n</tool_call>`;

test('the events of a streamed text add up to the message that is not streamed', async () => {
  const room = await openRoom({ once: true });
  const asked = { seed: 3, system: 'Be brief.', temperature: 0.5, metadata: { user_id: 'u' } };
  const answer = await whole(room, asked);
  expect(answer).toMatchObject({
    content: [{ type: 'text', text: 'hello world' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { output_tokens: 2, input_tokens: room.engine.requests[0]?.prompt.length },
    expertgrid: { seed: 3 },
  });
  const events = await streamed(room, asked);
  expect(events.map(({ type }) => type)).toEqual([
    'message_start',
    'content_block_start',
    'content_block_delta',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ]);
  expect(unmarked(added(events))).toEqual(unmarked(answer));
});

test('a tool call is a block after the text, and its input is streamed in pieces', async () => {
  const room = await openRoom({
    once: true,
    chat: TOOL_TEMPLATE,
    reply: () => say(`Look: ${call('{"city": "Bonn"}')}`),
  });
  const asked = { seed: 1, tools: [weather], tool_choice: { type: 'auto', disable_parallel_tool_use: true } };
  const answer = await whole(room, asked);
  expect(answer).toMatchObject({
    stop_reason: 'tool_use',
    content: [
      { type: 'text', text: expect.stringMatching(/^Look:/) },
      { type: 'tool_use', name: 'weather', input: { city: 'Bonn' } },
    ],
  });
  expect(room.engine.requests[0]?.constraint).toMatchObject({ mode: 'auto', parallel: false });
  const events = await streamed(room, asked);
  expect(unmarked(added(events))).toEqual(unmarked(answer));
  const pieces = events.filter((each) => {
    return each.type === 'content_block_delta' && each.delta.type === 'input_json_delta';
  });
  expect(pieces.length).toBeGreaterThan(1);
});

test.each([
  [{ type: 'any' }, { mode: 'required', parallel: true }],
  [
    { type: 'tool', name: 'weather' },
    { mode: 'required', tools: [{ name: 'weather' }] },
  ],
  [{ type: 'none' }, undefined],
])('tool_choice %j becomes the constraint of the engine', async (tool_choice, constraint) => {
  const room = await openRoom({ once: true, chat: TOOL_TEMPLATE });
  await whole(room, { tools: [weather, { ...weather, name: 'other' }], tool_choice });
  const held = room.engine.requests[0]?.constraint;
  if (constraint === undefined) expect(held).toBeUndefined();
  else expect(held).toMatchObject(constraint);
});

test('calls and results that are sent back reach the prompt, and failed results begin with "Error:"', async () => {
  const room = await openRoom({ once: true, chat: TOOL_TEMPLATE });
  await whole(room, {
    system: [{ type: 'text', text: 'Be kind.', cache_control: { type: 'ephemeral' } }],
    tools: [weather],
    messages: [
      { role: 'user', content: 'How is Bonn?' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I look.' },
          { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Bonn' } },
          { type: 'tool_use', id: 'toolu_2', name: 'weather', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'And now?' },
          { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'Sunny.' }] },
          { type: 'tool_result', tool_use_id: 'toolu_2', content: 'No city.', is_error: true },
        ],
      },
    ],
  });
  const tokens = [...(room.engine.requests[0]?.prompt ?? [])];
  const answer = await fetch(`${room.url}/detokenize`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ tokens }),
  });
  const { prompt }: { prompt: string } = JSON.parse(await answer.text());
  expect(prompt).toMatch(/^<\|endoftext\|><\|system\|>Be kind\./);
  expect(prompt.slice(prompt.indexOf('<|user|>'))).toBe(
    '<|user|>How is Bonn?<|end|>' +
      `<|assistant|>I look.\n${call('{"city": "Bonn"}')}\n${call('{}')}<|end|>` +
      '<|user|><tool_response>\nSunny.\n</tool_response><|end|>' +
      '<|user|><tool_response>\nError: No city.\n</tool_response><|end|>' +
      '<|user|>And now?<|end|><|assistant|>',
  );
});

test('thinking is a block before the text, and stays within its budget', async () => {
  const room = await openRoom({
    once: true,
    chat: OPEN_THINKING_TEMPLATE,
    reply: () => say('a thought</think>\n\nYes'),
  });
  const asked = { seed: 1, thinking: { type: 'enabled', budget_tokens: 50 } };
  const answer = await whole(room, asked);
  expect(answer.content).toMatchObject([
    { type: 'thinking', thinking: expect.stringMatching('a thought'), signature: '' },
    { type: 'text', text: 'Yes' },
  ]);
  expect(room.engine.requests[0]?.constraint).toMatchObject({ type: 'thinking', budget: 50 });
  expect(unmarked(added(await streamed(room, asked)))).toEqual(unmarked(answer));
  await whole(room, {
    ...asked,
    messages: [...messages, { role: 'assistant', content: answer.content }, ...messages],
  });
});

test('a model thinks only if the request asks for it, and a model that cannot think ignores the request', async () => {
  const thinker = await openRoom({ once: true, chat: THINKING_TEMPLATE });
  const length = async (room: Room, thinking?: object) => {
    const answer = await send(room, { max_tokens: undefined, thinking }, '/v1/messages/count_tokens');
    return counted.parse(await answer.json()).input_tokens;
  };
  const silent = await length(thinker);
  // The template closes the thinking before the answer begins.
  expect(await length(thinker, { type: 'disabled' })).toBe(silent);
  expect(await length(thinker, { type: 'adaptive' })).toBeLessThan(silent);
  expect(await length(thinker, { type: 'enabled', budget_tokens: 9 })).toBeLessThan(silent);
  const plain = await openRoom({ once: true });
  for (const type of ['disabled', 'adaptive']) {
    expect((await send(plain, { thinking: { type } })).status).toBe(200);
  }
});

test('consecutive turns of one role become one message', async () => {
  const room = await openRoom({ once: true });
  const length = async (...turns: string[]) => {
    const messages = turns.map((turn) => ({
      role: turn.slice(0, turn.indexOf(' ')),
      content: turn.slice(-1),
    }));
    const answer = await send(room, { max_tokens: undefined, messages }, '/v1/messages/count_tokens');
    return counted.parse(await answer.json()).input_tokens;
  };
  const joined = await length('user a');
  expect(await length('user a', 'user b')).toBe(joined + 2); // a newline and a letter
  expect(await length('user a', 'assistant b', 'assistant c', 'user d')).toBe(
    (await length('user a', 'assistant b', 'user d')) + 2,
  );
});

test.each([
  ['a stop string', { stop_sequences: [' world', 'x'] }, 'stop_sequence', ' world'],
  ['the limit', { max_tokens: 3 }, 'max_tokens', null],
  ['the end of the context', { max_tokens: 100_000 }, 'model_context_window_exceeded', null],
])(
  'stop_reason and stop_sequence name the end of an answer: %s',
  async (_, fields, stop_reason, stop_sequence) => {
    const room = await openRoom({ context: 64 });
    const ended = { stop_reason, stop_sequence };
    expect(await whole(room, fields)).toMatchObject(ended);
    expect((await streamed(room, fields)).at(-2)).toMatchObject({ type: 'message_delta', delta: ended });
  },
);

test('count_tokens returns the input_tokens of the answer to the same request', async () => {
  const room = await openRoom({ once: true, chat: TOOL_TEMPLATE });
  const asked = { system: 'Be brief.', tools: [weather], tool_choice: { type: 'any' } };
  const { usage } = await whole(room, asked);
  const count = await send(room, { ...asked, max_tokens: undefined }, '/v1/messages/count_tokens');
  expect(counted.parse(await count.json())).toEqual({ input_tokens: usage.input_tokens });
  expect(room.engine.requests).toHaveLength(1);
});

test('a prompt that exceeds the context is counted by count_tokens and refused by messages', async () => {
  const room = await openRoom({ context: 100 });
  const asked = { messages: [{ role: 'user', content: 'x'.repeat(5_000) }] };
  const count = await send(room, { ...asked, max_tokens: undefined }, '/v1/messages/count_tokens');
  expect(counted.parse(await count.json()).input_tokens).toBeGreaterThan(5_000);
  expect((await send(room, asked)).status).toBe(400);
});

test('a stream without other events sends pings', async () => {
  const room = await openRoom({ once: true, prefillMs: 200, limits: { admissionMs: 1, keepAliveMs: 20 } });
  const types = (await streamed(room, {})).map(({ type }) => type);
  expect(types.slice(0, 2)).toEqual(['message_start', 'ping']);
  expect(types.slice(-1)).toEqual(['message_stop']);
});

test('a failure after the first event ends the stream with an error event', async () => {
  const failure = { code: 'shard_unavailable', message: 'shard 2 is gone', retryable: true } as const;
  const room = await openRoom({ fail: { after: 1, error: failure }, stepMs: 5, limits: { admissionMs: 1 } });
  const last = (await streamed(room, {})).at(-1);
  expect(last).toMatchObject({ type: 'error', error: { type: 'api_error', message: 'shard 2 is gone' } });
  await until(() => room.logs.some(({ status }) => status === 503));
});

test.each([
  ['queue_full', 529, 'overloaded_error'],
  ['shard_unavailable', 503, 'api_error'],
  ['deadline_exceeded', 504, 'timeout_error'],
  ['internal', 500, 'api_error'],
  ['context_length_exceeded', 400, 'invalid_request_error'],
] as const)('engine error %s before the first token gives status %i', async (code, status, type) => {
  const failure = { code, message: 'no', retryable: true };
  const room = await openRoom({ fail: { after: 0, error: failure } });
  for (const stream of [false, true]) {
    const answer = await send(room, { stream });
    expect(answer.status).toBe(status);
    const { request_id, ...rest } = error.parse(await answer.json());
    expect(rest).toEqual({ type: 'error', error: { type, message: 'no' } });
    expect(answer.headers.get('request-id')).toBe(request_id);
    expect(answer.headers.get('x-request-id')).toBe(request_id);
  }
});

test('an API key is accepted in x-api-key, and a wrong key is refused in Anthropic’s shape', async () => {
  const created = '2026-01-31T12:00:00.000Z';
  const keys = () => [{ name: 'a', sha256: hashKey('eg-a'), created, rpm: 1 }];
  const room = await openRoom({ once: true, api: { access: { keys } } });
  const ask = (headers: Record<string, string>) => send(room, {}, '/v1/messages', { headers });
  const refused = async (answer: Response) => {
    return [answer.status, error.parse(await answer.json()).error.type];
  };
  expect(await refused(await ask({}))).toEqual([401, 'authentication_error']);
  expect(await refused(await ask({ 'x-api-key': 'wrong' }))).toEqual([401, 'authentication_error']);
  const version = { 'anthropic-version': '2023-06-01' };
  expect((await ask({ 'x-api-key': 'eg-a', ...version })).status).toBe(200);
  expect(await refused(await ask({ authorization: 'Bearer eg-a' }))).toEqual([429, 'rate_limit_error']);
});

test.each(['/messages', '/v1/messages/', '/v1/messages?beta=true'])(
  '%s is the same endpoint',
  async (path) => {
    const room = await openRoom({ once: true });
    message.parse(await (await send(room, {}, path)).json());
  },
);

test.each([
  ['GET', '/v1/messages', 405, 'invalid_request_error'],
  ['GET', '/messages/count_tokens', 405, 'invalid_request_error'],
  ['POST', '/v1/messages/batches', 404, 'not_found_error'],
])('%s %s is a %i in Anthropic’s shape', async (method, path, status, type) => {
  const { url } = await openRoom();
  const answer = await fetch(url + path, { method });
  expect(answer.status).toBe(status);
  expect(error.parse(await answer.json()).error.type).toBe(type);
});
