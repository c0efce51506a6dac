// Fields of POST /v1/messages. Fields without effect are accepted and named in a header. Fields that would change the answer are
// honoured, or are a 400 that names them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_EFFECT } from '../../../../gateway/api/requests/fields/no-effect.ts';
import {
  THINKING_TEMPLATE,
  THINKING_TOOL_TEMPLATE,
  TOOL_TEMPLATE,
} from '../../../support/models/chat-templates.ts';
import { JSON_TYPE, MODEL, openRoom, type Room, say, startRoom } from '../harness.ts';
import { namedEvents } from './named-events.ts';
import { counted, error, event, message } from './shapes.ts';

let room: Room;
beforeAll(async () => {
  room = await startRoom({ once: true, context: 4_000, chat: TOOL_TEMPLATE });
});
afterAll(() => room.server.close(0));

const user = { role: 'user', content: 'hello' };
const text = (more: object = {}) => ({ type: 'text', text: 'hello', ...more });
const tool = (more: object = {}) => ({ name: 'f', input_schema: { type: 'object' }, ...more });

async function send(fields: object, { url }: Room = room, path = '/v1/messages') {
  const asked = { model: MODEL, max_tokens: 50, messages: [user], ...fields };
  const answer = await fetch(url + path, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(asked) });
  const body: unknown = await answer.json();
  const header = answer.headers.get(NO_EFFECT);
  return { status: answer.status, body, names: header === null ? [] : header.split(', ') };
}

const marked = { cache_control: { type: 'ephemeral', ttl: '1h', scope: 'global' } };
const thought = { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm' }] };
const edits = (...list: object[]) => ({ context_management: { edits: list } });
const clear = (keep?: unknown) => edits({ type: 'clear_thinking_20251015', keep });

type Case = [fields: object, names: string[]];
const idle: Case[] = [
  [{ system: [text(marked)] }, ['cache_control']],
  [{ messages: [{ role: 'user', content: [text(marked)] }] }, ['cache_control']],
  [{ tools: [tool(marked)] }, ['cache_control']],
  [marked, ['cache_control']],
  [{ system: [text({ citations: null, cache_control: null })] }, []],
  [{ system: [text({ citations: [] })] }, ['citations']],
  [{ system: [text({ citations: { enabled: false } })] }, ['citations']],
  [{ tools: [tool({ allowed_callers: ['direct'] })] }, ['tools.allowed_callers']],
  [{ tools: [tool({ defer_loading: true })] }, ['tools.defer_loading']],
  [{ tools: [tool({ input_examples: [{}] })] }, ['tools.input_examples']],
  [{ tools: [tool({ eager_input_streaming: true })] }, ['tools.eager_input_streaming']],
  [{ tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: 3 }] }, ['tools.web_search']],
  [{ tools: [{ type: 'bash_20250124', name: 'bash' }, tool()] }, ['tools.bash']],
  [{ thinking: { type: 'adaptive', display: 'updates' } }, ['thinking', 'thinking.display']],
  [{ thinking: { type: 'adaptive', display: null } }, ['thinking']],
  [{ thinking: { type: 'enabled', budget_tokens: 50 } }, ['thinking']],
  [{ thinking: { type: 'disabled' } }, []],
  [{ output_config: { effort: 'high' } }, ['output_config.effort']],
  [{ output_config: { effort: null, format: null } }, []],
  [{ output_config: { task_budget: { type: 'tokens', total: 9 } } }, ['output_config.task_budget']],
  [{ inference_geo: 'eu', speed: 'fast' }, ['inference_geo', 'speed']],
  [{ service_tier: 'auto', betas: ['b'], fallbacks: 'default' }, ['betas', 'fallbacks', 'service_tier']],
  [
    { billing_policy: { type: 'billing_policy' }, user_profile_id: 'u' },
    ['billing_policy', 'user_profile_id'],
  ],
  [clear('all'), ['context_management']],
  [{ ...clear({ type: 'all' }), messages: [user, thought, user, thought, user] }, ['context_management']],
  [clear(), ['context_management']],
  [edits({ type: 'compact_20260112' }), ['context_management']],
  [
    edits({ type: 'clear_tool_uses_20250919', keep: { type: 'tool_uses', value: 3 } }),
    ['context_management'],
  ],
  [{ context_management: { edits: [] }, container: null, thread: null }, ['context_management']],
  [{ mcp_servers: [] }, []],
];

test.each(idle)('%j is accepted and named in the header', async (fields, names) => {
  const { status, names: told, body } = await send(fields);
  expect([status, told.toSorted()]).toEqual([200, names]);
  message.parse(body);
  const count = await send({ max_tokens: undefined, ...fields }, room, '/v1/messages/count_tokens');
  counted.parse(count.body);
  expect(count.names.toSorted()).toEqual(names);
});

test.each<[object, RegExp]>([
  [
    { tools: [tool({ allowed_callers: ['code_execution_20250825'] })] },
    /'tools\[0\]\.allowed_callers'.*'direct'/,
  ],
  [
    {
      tools: [{ type: 'web_search_20250305', name: 'web_search' }],
      tool_choice: { type: 'tool', name: 'web_search' },
    },
    /'tool_choice\.name'.*web_search_20250305.*does not offer/,
  ],
  [{ tools: [{ type: 'bash_20250124', name: 'bash' }], tool_choice: { type: 'any' } }, /'tool_choice'/],
  [
    {
      messages: [
        {
          role: 'user',
          content: [{ type: 'document', source: { type: 'text', data: 'x' }, citations: { enabled: true } }],
        },
      ],
    },
    /'messages\[0\]\.content\[0\]\.citations\.enabled'/,
  ],
  [{ mcp_servers: [{ type: 'url', name: 'm', url: 'http://m' }] }, /'mcp_servers' is not supported/],
  [{ container: 'c' }, /'container' is not supported/],
  [
    {
      output_format: { type: 'json_schema', schema: {} },
      output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
    },
    /'output_format'/,
  ],
])('%j is a 400', async (fields, words) => {
  for (const path of ['/v1/messages', '/v1/messages/count_tokens']) {
    const { status, body } = await send(fields, room, path);
    expect([status, error.parse(body).error.message]).toEqual([400, expect.stringMatching(words)]);
  }
});

test.each<[object, RegExp]>([
  [
    edits({ type: 'compact_20260112', trigger: { type: 'input_tokens', value: 1 } }),
    /edits\[0\]'.*exceed the edit's trigger of 1/,
  ],
  [edits({ type: 'forget' }), /'context_management\.edits\[0\]\.type': 'forget'/],
  [{ compaction: { type: 'summarize' } }, /'compaction' is not supported/],
])('a compaction whose trigger is exceeded is a 400: %j', async (fields, words) => {
  const { status, body } = await send(fields);
  expect([status, error.parse(body).error.message]).toEqual([400, expect.stringMatching(words)]);
});

test('applied_edits is empty if no edit changed the conversation, streamed or not', async () => {
  const none = { context_management: { applied_edits: [] } };
  expect(message.parse((await send(clear('all'))).body)).toMatchObject(none);
  const asked = { model: MODEL, max_tokens: 9, messages: [user], stream: true, ...clear('all') };
  const answer = await fetch(`${room.url}/v1/messages`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(asked),
  });
  const events = namedEvents(await answer.text(), event);
  expect(events.find(({ type }) => type === 'message_delta')).toMatchObject(none);
});

test('the field "thread" is refused with thread_unsupported_request, so clients repeat the request without it', async () => {
  for (const thread of [{ type: 'create' }, { type: 'continue', previous_message_id: 'msg_1' }]) {
    const { status, body } = await send({ thread });
    expect([status, error.parse(body).error.details]).toEqual([
      400,
      { error_code: 'thread_unsupported_request' },
    ]);
  }
});

test('diagnostics report that the reason for a cache miss is unavailable', async () => {
  const told = async (diagnostics: object) => message.parse((await send({ diagnostics })).body).diagnostics;
  expect(await told({ previous_message_id: null })).toEqual({ cache_miss_reason: null });
  expect(await told({ previous_message_id: 'msg_1' })).toEqual({
    cache_miss_reason: { type: 'unavailable' },
  });
});

test('output_format constrains the answer like output_config.format', async () => {
  const schema = { type: 'object', properties: { a: { type: 'string' } } };
  await send({ output_format: { type: 'json_schema', schema } });
  expect(room.engine.requests.at(-1)?.constraint).toMatchObject({ type: 'json_schema' });
});

test('count_tokens accepts all fields of messages, and names those outside the prompt in the header', async () => {
  const fields = {
    stop_sequences: ['x'],
    temperature: 1,
    top_p: 1,
    metadata: { user_id: 'u' },
    stream: true,
    seed: 1,
  };
  const { status, names } = await send(fields, room, '/v1/messages/count_tokens');
  expect([status, names.toSorted()]).toEqual([200, ['max_tokens', ...Object.keys(fields)].toSorted()]);
});

test('a tool name of 128 characters is accepted, and a longer one is a 400', async () => {
  expect((await send({ tools: [tool({ name: 'n'.repeat(128) })] })).status).toBe(200);
  const { status, body } = await send({ tools: [tool({ name: 'n'.repeat(129) })] });
  expect([status, error.parse(body).error.message]).toEqual([
    400,
    expect.stringMatching(/'tools\[0\]\.name'/),
  ]);
});

describe('a model that thinks', () => {
  const budget = async (fields: object, chat = THINKING_TEMPLATE) => {
    const thinker = await openRoom({ once: true, chat, reply: () => say('<think>\nhm</think>\n\nYes') });
    const { body, names } = await send(fields, thinker);
    const [asked] = thinker.engine.requests;
    const held = asked?.constraint?.type === 'thinking' ? asked.constraint.budget : undefined;
    return { held, names, message: message.parse(body) };
  };

  test.each<[object, number | undefined, string[]]>([
    [{ output_config: { effort: 'low' } }, 512, []],
    [{ output_config: { effort: 'medium' }, thinking: { type: 'adaptive' } }, 2048, []],
    [{ output_config: { effort: 'high' }, thinking: { type: 'enabled', budget_tokens: 9 } }, 9, []],
    [{ output_config: { effort: 'max' } }, undefined, []],
    [
      { output_config: { effort: 'low' }, thinking: { type: 'disabled' } },
      undefined,
      ['output_config.effort'],
    ],
    [
      {
        output_config: { effort: 'low' },
        messages: [user, { role: 'system', output_config: { effort: 'medium' } }],
      },
      2048,
      [],
    ],
  ])('with %j may think for %s tokens', async (fields, most, names) => {
    const { held, names: told } = await budget(fields);
    expect([held, told]).toEqual([most, names]);
  });

  test('gets the template without tools if no tool is offered', async () => {
    const tools = [{ type: 'web_search_20250305', name: 'web_search' }];
    const { held } = await budget({ tools, output_config: { effort: 'low' } }, THINKING_TOOL_TEMPLATE);
    expect(held).toBe(512);
  });

  test('refuses a budget that leaves no room for an answer', async () => {
    const thinker = await openRoom({ once: true, chat: THINKING_TEMPLATE });
    const thinking = { type: 'enabled', budget_tokens: 50 };
    const { status, body } = await send({ thinking, max_tokens: 50 }, thinker);
    const words = expect.stringMatching(/'thinking\.budget_tokens': expected less than 'max_tokens'/);
    expect([status, error.parse(body).error.message]).toEqual([400, words]);
    expect((await send({ thinking, max_tokens: 51 }, thinker)).status).toBe(200);
  });

  test('returns an empty block of thinking if its display is omitted', async () => {
    const { message: whole } = await budget({ thinking: { type: 'adaptive', display: 'omitted' } });
    expect(whole.content).toEqual([
      { type: 'thinking', thinking: '', signature: '' },
      { type: 'text', text: 'Yes' },
    ]);
  });
});
