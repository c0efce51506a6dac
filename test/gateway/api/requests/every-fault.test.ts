// Requests with several fields at fault: one error lists all of them, by the names that the client wrote.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MODEL, type Room, startRoom } from '../harness.ts';

let room: Room;
beforeAll(async () => {
  room = await startRoom();
});
afterAll(() => room.server.close(0));

const user = { role: 'user', content: 'hi' };
const refused = ['unsupported_parameter', 'unknown_parameter', 'integer_below_min_value', 'invalid_value'];

type Case = [path: string, body: object, params: string[], codes: string[]];
test.each<Case>([
  [
    '/v1/chat/completions',
    {
      messages: [user, { ...user, colour: 1 }],
      functions: [{}],
      n: 0,
      verbosity: 'loud',
      colour: 1,
      taste: 2,
    },
    ['functions', 'n', 'messages[1].colour', 'verbosity', 'colour', 'taste'],
    refused,
  ],
  [
    '/v1/chat/completions',
    { messages: [{ role: 'user', content: [{ type: 'text' }, { type: 'image_url', image_url: '' }] }] },
    ['messages[0].content[0].text', 'messages[0].content[1].type'],
    ['missing_required_parameter', 'invalid_value'],
  ],
  [
    '/v1/completions',
    { prompt: 'x', use_beam_search: true, n: 0, colour: 1 },
    ['use_beam_search', 'n', 'colour'],
    refused,
  ],
  [
    '/v1/responses',
    { input: 'hi', conversation: 'c', max_output_tokens: 0, colour: 1 },
    ['conversation', 'max_output_tokens', 'colour'],
    refused,
  ],
  [
    '/v1/messages',
    { max_tokens: -1, messages: [user], container: 'c', colour: 1 },
    ['container', 'max_tokens', 'colour'],
    refused,
  ],
])('%s lists all faults: %j', async (path, body, params, codes) => {
  const answer = await room.post(path, { model: MODEL, ...body });
  expect(answer.status).toBe(400);
  const { message, details } = answer.body.error;
  const fields = details?.fields ?? [];
  expect(fields.map(({ param }) => param).toSorted()).toEqual(params.toSorted());
  for (const { code, param, message: own } of fields) {
    expect(codes).toContain(code);
    expect(own).toContain(`'${param}'`);
    expect(message).toContain(own);
  }
  expect(message.startsWith(fields[0]?.message ?? '-')).toBe(true);
});

test('param and code of the error are those of the first fault', async () => {
  const { body } = await room.post('/v1/completions', { model: MODEL, prompt: 'x', suffix: 5, n: 0 });
  const [first] = body.error.details?.fields ?? [];
  expect(body.error).toMatchObject({ param: first?.param, code: first?.code, type: 'invalid_request_error' });
});

test('a translated field has the name that the client wrote', async () => {
  const tools = ['two words', 'fine', 'two more'].map((name) => ({ name, input_schema: {} }));
  const body = { model: MODEL, max_tokens: 5, messages: [user], tools };
  const { error } = (await room.post('/v1/messages', body)).body;
  expect(error.details?.fields?.map(({ param }) => param)).toEqual(['tools[0].name', 'tools[2].name']);
  expect(error.message).toContain("'tools[0].name'");
  expect(error.message).toContain("'tools[2].name'");
});

test('the error lists at most 50 faults, and its message stays short', async () => {
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`${'x'.repeat(150)}${i}`, i]));
  const { error } = (await room.post('/v1/completions', { model: MODEL, prompt: 'x', ...many })).body;
  expect(error.details?.fields).toHaveLength(50);
  expect(error.message.length).toBeLessThan(4100);
  expect(error.message).toMatch(/\(\d+ more\)$/);
});

test('the error of a single fault has no list', async () => {
  const { error } = (await room.post('/v1/completions', { model: MODEL, prompt: 'x', n: 0 })).body;
  expect(error).not.toHaveProperty('details');
});
