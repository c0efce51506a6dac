// Requests that POST /v1/messages and count_tokens refuse: status, type, and the field that the message names.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unsupportedMessagesFields } from '../../../../gateway/api/anthropic/schema.ts';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { JSON_TYPE, MODEL, openRoom, type Room, startRoom, VOCAB } from '../harness.ts';
import { error } from './shapes.ts';

let room: Room;
beforeAll(async () => {
  room = await startRoom({ once: true, context: 400, chat: TOOL_TEMPLATE });
});
afterAll(() => room.server.close(0));

const user = { role: 'user', content: 'hello' };
const turn = (content: unknown, role = 'user') => ({ messages: [{ role, content }, user] });
const odd = { type: 'object', properties: { a: { unevaluatedItems: false } } };
const tool = (fields: object = {}) => ({ name: 'f', input_schema: { type: 'object' }, ...fields });

const send = async (fields: object | string, path = '/v1/messages') => {
  const text = typeof fields === 'string' ? fields : JSON.stringify(fields);
  const answer = await fetch(room.url + path, { method: 'POST', headers: JSON_TYPE, body: text });
  const body: unknown = await answer.json();
  return { status: answer.status, body };
};

const faultOf = (body: unknown) => error.parse(body).error;

type Case = [fields: Record<string, unknown>, words: RegExp];

/** Fields that both endpoints have. */
const prompts: Case[] = [
  [{ model: 5 }, /Invalid type for 'model'/],
  [{ messages: undefined }, /Missing required parameter: 'messages'/],
  [{ messages: [] }, /'messages': empty array/],
  [{ messages: 'hello' }, /Invalid type for 'messages'/],
  [turn('x', 'wizard'), /'messages\[0\]\.role': 'wizard'.*'user', 'assistant'/],
  [turn(undefined), /Missing required parameter: 'messages\[0\]\.content'/],
  [turn([]), /'messages\[0\]\.content': empty array/],
  [
    turn([{ type: 'image', source: {} }]),
    /'messages\[0\]\.content\[0\]\.type': 'image'.*'text', 'tool_result'/,
  ],
  [turn([{ type: 'text' }]), /Missing required parameter: 'messages\[0\]\.content\[0\]\.text'/],
  [
    turn([{ type: 'text', text: 'x', colour: 1 }]),
    /Unknown parameter: 'messages\[0\]\.content\[0\]\.colour'/,
  ],
  [
    turn([{ type: 'tool_use', id: 'a', name: 'f', input: {} }]),
    /'messages\[0\]\.content\[0\]\.type': 'tool_use'/,
  ],
  [turn('x', 'developer'), /'messages\[0\]\.role': 'developer'.*'user', 'assistant', 'system'/],
  [
    {
      messages: [user, { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: {} }] }],
    },
    /'continue_final_message'|final message/,
  ],
  [{ messages: [{ role: 'user', content: 'x'.repeat(1_100_000) }] }, /cannot fit/],
  [
    turn([{ type: 'tool_result', tool_use_id: 'a', content: 'x' }]),
    /'messages\[0\]\.content\[0\]\.tool_use_id': no message before it calls a tool with the id 'a'/,
  ],
  [{ system: 5 }, /Invalid type for 'system'/],
  [{ tools: [{ type: 'oracle_20250124', name: 'oracle' }] }, /'tools\[0\]\.type': 'oracle_20250124'/],
  [{ tools: [tool({ name: 'not a name' })] }, /'tools\[0\]\.name'/],
  [{ tools: [tool({ input_schema: undefined })] }, /Missing required parameter: 'tools\[0\]\.input_schema'/],
  [{ tools: [tool(), tool()] }, /'tools\[1\]\.name'/],
  [{ tools: [tool()], tool_choice: { type: 'tool', name: 'g' } }, /'tool_choice\.name'/],
  [{ tools: [tool()], tool_choice: 'auto' }, /Invalid type for 'tool_choice'/],
  [{ tools: [tool()], tool_choice: { type: 'some' } }, /'tool_choice\.type': 'some'/],
  [{ tool_choice: { type: 'any' } }, /'tool_choice'/],
  [{ thinking: { type: 'enabled' } }, /'thinking\.budget_tokens'/],
  [{ thinking: { type: 'between_tools' } }, /'thinking\.type': 'between_tools'/],
  [{ thinking: { type: 'disabled', display: 'omitted' } }, /Unknown parameter: 'thinking\.display'/],
  [{ output_config: { format: { type: 'xml' } } }, /'output_config\.format\.type'/],
  [
    { output_config: { format: { type: 'json_schema', schema: odd } } },
    /'output_config\.format\.schema\.properties\.a.*'unevaluatedItems'/,
  ],
  [
    { tools: [tool({ input_schema: odd, strict: true })] },
    /'tools\[0\]\.input_schema\.properties\.a.*'unevaluatedItems'/,
  ],
  [{ colour: 1 }, /Unknown parameter: 'colour'/],
];

const answers: Case[] = [
  [{ messages: [{ role: 'user', content: 'x'.repeat(500) }] }, /maximum context length is 400 tokens/],
  [{ max_tokens: undefined }, /Missing required parameter: 'max_tokens'/],
  [{ max_tokens: -1 }, /'max_tokens': integer below minimum/],
  [{ max_tokens: 1.5 }, /Invalid type for 'max_tokens'/],
  [{ temperature: 1.5 }, /'temperature': decimal above maximum value. Expected a value <= 1/],
  [{ top_p: 2 }, /'top_p'/],
  [{ top_k: -1 }, /'top_k'/],
  [{ stop_sequences: 'x' }, /Invalid type for 'stop_sequences'/],
  [{ stop_sequences: [''] }, /'stop_sequences\[0\]': empty string/],
  [{ stream: 1 }, /Invalid type for 'stream'/],
  [{ metadata: { user: 'x' } }, /Unknown parameter: 'metadata\.user'/],
  [{ service_tier: 'fast' }, /'service_tier'/],
  [{ logit_bias: { [VOCAB]: 1 } }, /'logit_bias\.\d+'/],
  [{ min_tokens: 60 }, /'min_tokens'/],
  [{ max_tokens_to_sample: 5 }, /Unknown parameter: 'max_tokens_to_sample'/],
  [{ n: 2 }, /Unknown parameter: 'n'/],
];

const base = { model: MODEL, messages: [user], max_tokens: 50 };
const refused = (words: RegExp) => ({
  type: 'error',
  error: { type: 'invalid_request_error', message: expect.stringMatching(words) },
  request_id: expect.any(String),
});

test.each([...prompts, ...answers])('%.200j is a 400', async (fields, words) => {
  const { status, body } = await send({ ...base, ...fields });
  expect(error.parse(body)).toEqual(refused(words));
  expect(status).toBe(400);
});

test.each([...prompts, [{ max_tokens: -1 }, /'max_tokens': integer below minimum/] as Case])(
  '%j is a 400 at count_tokens',
  async (fields, words) => {
    const asked = { ...base, max_tokens: undefined, ...fields };
    const { status, body } = await send(asked, '/v1/messages/count_tokens');
    expect(error.parse(body)).toEqual(refused(words));
    expect(status).toBe(400);
  },
);

test.each(['/v1/messages', '/v1/messages/count_tokens'])(
  '%s refuses an unknown model, invalid JSON and deep values',
  async (path) => {
    const unknown = await send({ ...base, model: 'claude' }, path);
    expect([unknown.status, faultOf(unknown.body).type]).toEqual([404, 'not_found_error']);
    expect((await send('{', path)).status).toBe(400);
    const deep = `{"a":${'['.repeat(9_000)}${']'.repeat(9_000)}}`;
    const { body } = await send(
      `{"model":"${MODEL}","messages":[{"role":"user","content":"x"}],"tools":[{"name":"f","input_schema":${deep}}]}`,
      path,
    );
    expect(faultOf(body).message).toMatch(/'tools'.*nested/);
  },
);

test('a body that is too large is a 413', async () => {
  const { url } = await openRoom({ limits: { bodyBytes: 10 } });
  const answer = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(base),
  });
  expect(answer.status).toBe(413);
  expect(error.parse(await answer.json()).error.type).toBe('request_too_large');
});

test.each(Object.entries(unsupportedMessagesFields))('%s is a 400 that names it', async (name, neutral) => {
  const { status, body } = await send({ ...base, [name]: 'anything' });
  expect([status, faultOf(body).message]).toEqual([
    400,
    expect.stringContaining(`'${name}' is not supported`),
  ]);
  for (const value of neutral) {
    expect((await send({ ...base, [name]: JSON.parse(value) })).status).toBe(200);
  }
});

test('sampling fields become the same engine settings as in a chat', async () => {
  const { engine, post } = await openRoom({ once: true });
  const fields = { temperature: 0.3, top_p: 0.4, top_k: 7, min_p: 0.1, seed: 9, max_tokens: 5 };
  const asked = { model: MODEL, messages: [user], ...fields };
  await post('/v1/messages', { ...asked, stop_sequences: ['x'] });
  await post('/v1/chat/completions', { ...asked, stop: ['x'] });
  const [own, chat] = engine.requests.map(({ id: _, traceId: _trace, ...request }) => request);
  expect(own).toEqual(chat);
});
