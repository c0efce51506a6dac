// POST /v1/messages with blocks of an earlier answer, by this server or by another: which are accepted, and what the prompt contains.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { JSON_TYPE, MODEL, openRoom, type Room, startRoom } from '../harness.ts';
import { error, message } from './shapes.ts';

let room: Room;
beforeAll(async () => {
  room = await startRoom({ once: true, context: 4_000, chat: TOOL_TEMPLATE });
});
afterAll(() => room.server.close(0));

const user = { role: 'user', content: 'hello' };
const assistant = (...content: object[]) => ({ role: 'assistant', content });
const text = (said: string) => ({ type: 'text', text: said });

async function send(fields: object, { url }: Room = room) {
  const asked = { model: MODEL, max_tokens: 50, ...fields };
  const answer = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(asked),
  });
  return { status: answer.status, body: (await answer.json()) as unknown };
}

/** The prompt of the conversation. */
async function prompt(fields: object, asked: Room = room): Promise<string> {
  const { status, body } = await send(fields, asked);
  expect([status, body]).toEqual([200, expect.anything()]);
  const tokens = [...(asked.engine.requests.at(-1)?.prompt ?? [])];
  const answer = await fetch(`${asked.url}/detokenize`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ tokens }),
  });
  return JSON.parse(await answer.text()).prompt.replace('<|endoftext|>', '');
}

const call = (name: string, args: string) =>
  `<tool_call>\n{"name": "${name}", "arguments": ${args}}\n</tool_call>`;

test('a server tool becomes a call and its result, without encrypted parts', async () => {
  const caller = { type: 'code_execution_20250825', tool_id: 'x' };
  const searched = assistant(
    text('Let me look.'),
    { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'Bonn' }, caller },
    {
      type: 'web_search_tool_result',
      tool_use_id: 'srvtoolu_1',
      content: [
        { type: 'web_search_result', url: 'http://b', title: 'B', encrypted_content: 'zzz', page_age: null },
      ],
    },
    {
      type: 'text',
      text: 'It is sunny.',
      citations: [{ type: 'web_search_result_location', url: 'http://b' }],
    },
  );
  expect(await prompt({ messages: [user, searched, user] })).toBe(
    '<|user|>hello<|end|>' +
      `<|assistant|>Let me look.\n${call('web_search', '{"query": "Bonn"}')}<|end|>` +
      '<|user|><tool_response>\n[{"type":"web_search_result","url":"http://b","title":"B","page_age":null}]\n</tool_response><|end|>' +
      '<|assistant|>It is sunny.<|end|><|user|>hello<|end|><|assistant|>',
  );
});

test('a call of an MCP server becomes a call and its result', async () => {
  const asked = assistant(
    { type: 'mcp_tool_use', id: 'm1', name: 'roll', server_name: 'dice', input: {} },
    { type: 'mcp_tool_result', tool_use_id: 'm1', is_error: true, content: 'No dice.' },
  );
  expect(await prompt({ messages: [user, asked, user] })).toContain(
    `<|assistant|>${call('roll', '{}')}<|end|><|user|><tool_response>\nError: No dice.\n</tool_response><|end|><|user|>`,
  );
});

test('encrypted thinking is not in the prompt', async () => {
  const hidden = assistant(
    { type: 'redacted_thinking', data: 'x' },
    { type: 'thinking', thinking: 'hm', signature: 'abc' },
    { type: 'fallback', from: { model: 'a' }, to: { model: 'b' } },
    text('Yes.'),
  );
  expect(await prompt({ messages: [user, hidden, user] })).toBe(
    '<|user|>hello<|end|><|assistant|>Yes.<|end|><|user|>hello<|end|><|assistant|>',
  );
});

test('an assistant turn without content is accepted', async () => {
  const quiet = await openRoom({ once: true, chat: TOOL_TEMPLATE, reply: () => [] });
  const { body } = await send({ messages: [user] }, quiet);
  const { content } = message.parse(body);
  expect(content).toEqual([{ type: 'text', text: '' }]);
  for (const empty of [content, []]) {
    expect(await prompt({ messages: [user, { role: 'assistant', content: empty }, user] })).toBe(
      '<|user|>hello<|end|><|assistant|><|end|><|user|>hello<|end|><|assistant|>',
    );
  }
});

test('results with texts, documents, search results and tool names become text, and so does a summary', async () => {
  const source = (inner: object) => ({ type: 'document', source: inner, title: 'T', context: null });
  const blocks = [
    text('a'),
    source({ type: 'text', media_type: 'text/plain', data: 'b' }),
    source({ type: 'content', content: [text('c')] }),
    {
      type: 'search_result',
      title: 'S',
      source: 'http://s',
      content: [text('d')],
      citations: { enabled: false },
    },
  ];
  const result = {
    type: 'tool_result',
    tool_use_id: 'a',
    content: [...blocks, { type: 'tool_reference', tool_name: 'g' }],
  };
  const shown = 'a\nT\nb\nT\nc\nS\nhttp://s\nd';
  const messages = [
    assistant({ type: 'compaction', content: 'We met.', encrypted_content: 'x' }),
    user,
    assistant({ type: 'tool_use', id: 'a', name: 'f', input: null, caller: { type: 'direct' } }),
    { role: 'user', content: [result, ...blocks] },
  ];
  expect(await prompt({ messages })).toBe(
    `<|assistant|>We met.<|end|><|user|>hello<|end|><|assistant|>${call('f', '{}')}<|end|>` +
      `<|user|><tool_response>\n${shown}\ng\n</tool_response><|end|><|user|>${shown}<|end|><|assistant|>`,
  );
});

test('an answer continues a final assistant message', async () => {
  expect(await prompt({ messages: [user, { role: 'assistant', content: 'The answer is (' }] })).toBe(
    '<|user|>hello<|end|><|assistant|>The answer is (',
  );
});

test.each([
  ['image', { type: 'image', source: { type: 'url', url: 'http://i' } }],
  ['container_upload', { type: 'container_upload', file_id: 'f' }],
  ['pdf', { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: '' } }],
])('%s is a 400 that names the block', async (_, block) => {
  const result = { type: 'tool_result', tool_use_id: 'a', content: [block] };
  for (const content of [[block], [result]]) {
    const { status, body } = await send({ messages: [{ role: 'user', content }] });
    expect([status, error.parse(body).error.message]).toEqual([
      400,
      expect.stringMatching(/'messages\[0\]\.content\[0\]/),
    ]);
  }
});

test('system messages keep their position, and clear_at drops them after the next user message', async () => {
  const now = { role: 'system', content: 'It is noon.' };
  const once = { role: 'system', content: [text('Once.')], clear_at: 'next_user_message' };
  expect(await prompt({ system: 'Be brief.', messages: [user, now, once, user] })).toBe(
    '<|system|>Be brief.<|end|><|user|>hello<|end|><|system|>It is noon.<|end|><|user|>hello<|end|><|assistant|>',
  );
  expect(await prompt({ messages: [user, now, once] })).toBe(
    '<|user|>hello<|end|><|system|>It is noon.\nOnce.<|end|><|assistant|>',
  );
});

test('the offered tools are those that remain after tool_addition and tool_removal', async () => {
  const tool = (name: string) => ({ name, input_schema: { type: 'object' } });
  const change = (type: string, changed: object) => ({ role: 'system', content: [{ type, tool: changed }] });
  const messages = [
    user,
    change('tool_addition', { type: 'tool_definition', definition: tool('h') }),
    change('tool_removal', { type: 'tool_reference', name: 'f' }),
    change('tool_removal', { type: 'tool_reference', name: 'g' }),
    change('tool_addition', { type: 'tool_reference', name: 'g' }),
  ];
  await prompt({ messages, tools: [tool('f'), tool('g')] });
  expect(room.engine.requests.at(-1)?.constraint).toMatchObject({ tools: [{ name: 'g' }, { name: 'h' }] });
  const bad = change('tool_addition', { type: 'tool_definition', definition: tool('not a name') });
  const { body } = await send({ messages: [user, bad] });
  expect(error.parse(body).error.message).toContain("'messages[1].content[0].tool.definition.name'");
});
