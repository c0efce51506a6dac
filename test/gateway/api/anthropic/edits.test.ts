// POST /v1/messages with context_management: which parts of the conversation are cleared, what the answer reports, and how tokens are counted.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Message } from '../../../../gateway/api/anthropic/blocks.ts';
import { applyEdits, type ContextManagement } from '../../../../gateway/api/anthropic/context-management.ts';
import { NO_EFFECT } from '../../../../gateway/api/requests/fields/no-effect.ts';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { JSON_TYPE, MODEL, type Room, startRoom } from '../harness.ts';
import { counted, error, message } from './shapes.ts';

/** A template that shows all thinking. */
const CHAT = TOOL_TEMPLATE.replaceAll(
  'message.content',
  "(message.reasoning_content or '') + message.content",
);

let room: Room;
beforeAll(async () => {
  room = await startRoom({ once: true, context: 4_000, chat: CHAT });
});
afterAll(() => room.server.close(0));

async function send(fields: object, path = '/v1/messages') {
  const asked = { model: MODEL, max_tokens: 50, ...fields };
  const answer = await fetch(room.url + path, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(asked),
  });
  const body: unknown = await answer.json();
  return { status: answer.status, body, names: answer.headers.get(NO_EFFECT) };
}

const user: Message = { role: 'user', content: 'hello' };
/** A turn that uses a tool, and the result. */
const use = (id: string, name = 'f', length = 100): Message[] => [
  { role: 'assistant', content: [{ type: 'tool_use', id, name, input: { a: 1 } }] },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: id.repeat(length) }] },
];
const thought = (said: string): Message => ({
  role: 'assistant',
  content: [
    { type: 'thinking', thinking: said },
    { type: 'text', text: 'Yes.' },
  ],
});

/** Each character of a message's JSON counts as one token. */
const tokens = (messages: Message[]) => JSON.stringify(messages).length;
const apply = (messages: Message[], ...edits: NonNullable<NonNullable<ContextManagement>['edits']>) => {
  return applyEdits({ edits }, messages, async (counted) => tokens(counted));
};
const results = (messages: Message[]) => {
  return messages.flatMap(({ content }) =>
    Array.isArray(content) ? content.flatMap((block) => (block.type === 'tool_result' ? [block] : [])) : [],
  );
};
const left = (messages: Message[]) => {
  const kept = results(messages).filter(({ content }) => !String(content).startsWith('['));
  return kept.map(({ tool_use_id }) => tool_use_id);
};
const after = (value: number) => ({ type: 'tool_uses' as const, value });
const clear = { type: 'clear_tool_uses_20250919' as const, trigger: after(3) };
const four = [user, ...use('a'), ...use('b', 'g'), ...use('c'), ...use('d')];

test.each([
  ['three uses are kept by default', {}, ['b', 'c', 'd']],
  ['keep sets the number of kept uses', { keep: after(1) }, ['d']],
  ['keep 0 keeps no use', { keep: after(0) }, []],
  ['excluded tools keep their results', { keep: after(0), exclude_tools: ['g'] }, ['b']],
  ['the trigger must be exceeded', { trigger: after(4), keep: after(0) }, ['a', 'b', 'c', 'd']],
  [
    'a trigger may be a number of tokens',
    { trigger: { type: 'input_tokens' as const, value: 200 }, keep: after(2) },
    ['c', 'd'],
  ],
  ['the default trigger is 100,000 tokens', { trigger: null, keep: after(0) }, ['a', 'b', 'c', 'd']],
  [
    'nothing is cleared if that saves less than clear_at_least',
    { clear_at_least: { type: 'input_tokens' as const, value: 10_000 } },
    ['a', 'b', 'c', 'd'],
  ],
])('%s', async (_, fields, ids) => {
  const { messages, applied } = await apply(four, { ...clear, ...fields });
  expect(left(messages)).toEqual(ids);
  expect(messages).toHaveLength(four.length);
  const cleared = 4 - ids.length;
  expect(applied).toEqual(
    cleared === 0
      ? []
      : [
          {
            type: clear.type,
            cleared_tool_uses: cleared,
            cleared_input_tokens: tokens(four) - tokens(messages),
          },
        ],
  );
});

test('clear_tool_inputs also clears the inputs of all tools or of the named tools', async () => {
  const inputs = async (clear_tool_inputs: boolean | string[]) => {
    const { messages } = await apply(four, { ...clear, keep: after(1), clear_tool_inputs });
    return messages.flatMap(({ content }) => {
      return Array.isArray(content)
        ? content.flatMap((block) => ('input' in block ? [block.input] : []))
        : [];
    });
  };
  expect(await inputs(true)).toEqual([{}, {}, {}, { a: 1 }]);
  expect(await inputs(['g'])).toEqual([{ a: 1 }, {}, { a: 1 }, { a: 1 }]);
});

test('older thinking is cleared, and each edit applies to the result of the edit before it', async () => {
  const turns = [user, thought('one'), user, thought('two'), ...four];
  const kept = (edited: { messages: Message[] }) => JSON.stringify(edited.messages).match(/one|two/g);
  const type = 'clear_thinking_20251015';
  expect(kept(await apply(turns, { type }))).toEqual(['two']);
  expect(kept(await apply(turns, { type, keep: 'all' }))).toEqual(['one', 'two']);
  const none = { type: 'thinking_turns' as const, value: 0 };
  const { applied } = await apply(turns, { type, keep: none }, { ...clear, keep: after(3) });
  expect(applied).toMatchObject([
    { type, cleared_thinking_turns: 2 },
    { type: clear.type, cleared_tool_uses: 1 },
  ]);
});

test('the prompt contains the edited conversation, and the answer reports what was cleared', async () => {
  const asked = { messages: four, context_management: { edits: [{ ...clear, keep: after(1) }] } };
  const { body, names } = await send(asked);
  const whole = message.parse(body);
  const [edit] = whole.context_management?.applied_edits ?? [];
  expect([edit, names]).toMatchObject([{ cleared_tool_uses: 3 }, null]);
  const count = counted.parse((await send(asked, '/v1/messages/count_tokens')).body);
  expect(count.input_tokens).toBe(whole.usage.input_tokens);
  const { original_input_tokens = 0 } = count.context_management ?? {};
  expect(original_input_tokens - count.input_tokens).toBe(edit?.cleared_input_tokens);
  const alone = counted.parse((await send({ messages: four }, '/v1/messages/count_tokens')).body);
  expect(original_input_tokens).toBe(alone.input_tokens);
});

test('a conversation that fits only after the edits is answered, and errors name paths of the request', async () => {
  const long = Array.from({ length: 12 }, (_, i) => use(`t${i}`, 'f', 200)).flat();
  const context_management = { edits: [{ ...clear, keep: after(1) }] };
  expect((await send({ messages: [user, ...long] })).status).toBe(400);
  expect((await send({ messages: [user, ...long], context_management })).status).toBe(200);
  const stray = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'none' }] };
  const { body } = await send({ messages: [user, ...long, stray], context_management });
  expect(error.parse(body).error.message).toContain("'messages[25].content[0].tool_use_id'");
});

test('each conversation is counted once, however many edits there are, and a request has at most 16', async () => {
  let counts = 0;
  const edits = new Array(16).fill({ type: 'compact_20260112' });
  const { messages } = await applyEdits({ edits }, four, async () => ++counts);
  expect([messages, counts]).toEqual([four, 1]);
  const each = [3, 2, 1, 0].map((kept) => ({ ...clear, keep: after(kept) }));
  counts = 0;
  expect((await applyEdits({ edits: each }, four, async () => 1000 - ++counts)).applied).toHaveLength(4);
  expect(counts).toBe(5);
  const { status, body } = await send({
    messages: [user],
    context_management: { edits: [...edits, ...edits] },
  });
  expect([status, error.parse(body).error.message]).toEqual([
    400,
    expect.stringContaining('context_management.edits'),
  ]);
});
