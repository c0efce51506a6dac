// Bodies that no client sends by accident: very deep values in every field, keys that occur twice, other charsets, too large
// numbers. Each gets an answer, and the server continues.
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MODEL, type Room, startRoom } from '../harness.ts';

let room: Room;
beforeAll(async () => {
  room = await startRoom({ once: true, limits: { bodyBytes: 4_000_000 } });
});

afterAll(async () => {
  const { status } = await room.post('/v1/completions', { model: MODEL, prompt: 'hello' });
  expect([status, room.engine.open]).toEqual([200, 0]);
  await room.server.close(0);
});

const completion = { model: MODEL, prompt: 'hello' };
const chat = { model: MODEL, messages: [{ role: 'user', content: 'hello' }] };
const ends = [
  { path: '/v1/completions', base: completion },
  { path: '/v1/chat/completions', base: chat },
];

const DEPTH = 100_000;
const deep: [string, string][] = [
  ['arrays', `${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`],
  ['objects', `${'{"a":'.repeat(DEPTH)}1${'}'.repeat(DEPTH)}`],
  ['schemas', `${'{"type":"object","properties":{"a":'.repeat(20_000)}{}${'}}'.repeat(20_000)}`],
];

/** A body with 'DEEP' in the place of a very deep value, and the name of the field that the error must name. */
type Place = [body: object, param: string];

const common = (
  'model stop logit_bias n seed stream stream_options expertgrid stop_token_ids temperature response_format guided_json ' +
  'guided_regex guided_choice guided_grammar structured_outputs functions nonsense'
).split(' ');
const ofChat = 'messages tools tool_choice documents chat_template_kwargs reasoning_effort'.split(' ');
const alone = (name: string): Place => [{ [name]: 'DEEP' }, name];

const places: Record<string, Place[]> = {
  '/v1/completions': [...common, 'prompt', 'suffix', 'logprobs'].map(alone),
  '/v1/chat/completions': [
    ...[...common, ...ofChat].map(alone),
    [{ messages: ['DEEP'] }, 'messages[0]'],
    [{ messages: [{ role: 'user', content: 'DEEP' }] }, 'messages[0].content'],
    [
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'DEEP' }] }] },
      'messages[0].content[0].text',
    ],
    [{ tools: [{ type: 'function', function: { name: 'f', parameters: 'DEEP' } }] }, 'tools'],
    [{ tools: [{ type: 'function', function: 'DEEP' }] }, 'tools[0].function'],
    [{ tool_choice: { type: 'function', function: 'DEEP' } }, 'tool_choice'],
    [{ chat_template_kwargs: { mood: 'DEEP' } }, 'chat_template_kwargs'],
    [{ documents: [{ text: 'DEEP' }] }, 'documents'],
    [
      { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: 'DEEP' } } },
      'response_format',
    ],
    [{ response_format: { type: 'json_schema', json_schema: 'DEEP' } }, 'response_format'],
    [{ expertgrid: { experts_per_token: 'DEEP' } }, 'expertgrid'],
  ],
};

describe.each(ends)('$path', ({ path, base }) => {
  describe.each(deep)('very deep %s', (_what, value) => {
    test.each((places[path] ?? []).map(([fields, param]): [string, object] => [param, fields]))(
      'in %s are a 400 that names the field',
      async (param, fields) => {
        const body = JSON.stringify({ ...base, ...fields }).replace('"DEEP"', value);
        const { status, body: answer } = await room.post(path, body);
        expect(status).toBe(400);
        expect(answer.error.type).toBe('invalid_request_error');
        expect(answer.error.code).not.toBeNull();
        // The number of values is checked before any field is checked.
        if (answer.error.code === 'too_many_values') expect(answer.error.param).toBeNull();
        else expect(answer.error.param?.startsWith(param), String(answer.error.param)).toBe(true);
      },
    );
  });

  test('if a key of an object occurs twice, the last value counts, as in other JSON parsers', async () => {
    const twice = (name: string, first: string) =>
      JSON.stringify(base).replace('{', `{"${name}": ${first}, `);
    expect((await room.post(path, twice('model', '"gpt-4"'))).status).toBe(200);
    expect(
      (await room.post(path, twice('temprature', '1').replace('{', '{"temperature": 9, "temperature": 1, ')))
        .body.error,
    ).toMatchObject({
      param: 'temprature',
      code: 'unknown_parameter',
    });
  });

  test.each([
    ['1e400', 'max_tokens', 'invalid_type'],
    ['-1e400', 'temperature', 'invalid_type'],
    ['1e400', 'seed', 'invalid_type'],
    ['9007199254740993', 'seed', 'integer_above_max_value'],
    ['1e21', 'n', 'integer_above_max_value'],
  ])('the number %s as %s is a 400 that names the field', async (number, name, code) => {
    const { status, body } = await room.post(
      path,
      JSON.stringify(base).replace('{', `{"${name}": ${number}, `),
    );
    expect([status, body.error.param, body.error.code]).toEqual([400, name, code]);
  });

  test.each(['NaN', 'Infinity', '0x10', '01', "'a'", '// x', 'undefined'])('%s is refused', async (value) => {
    const { status, body } = await room.post(path, JSON.stringify(base).replace('{', `{"user": ${value}, `));
    expect([status, body.error.param]).toEqual([400, null]);
    expect(body.error.message).toContain('could not parse the JSON body');
  });

  test.each<[string, (text: string) => Uint8Array<ArrayBuffer>, Record<string, string>]>([
    ['that is compressed without a content-encoding', (text) => new Uint8Array(gzipSync(text)), {}],
    ['in UTF-16', (text) => new Uint8Array(Buffer.from(text, 'utf16le')), {}],
    ['of zero bytes', () => new Uint8Array(1000), {}],
    [
      'that is cut within a character',
      (text) => new Uint8Array(Buffer.from(text.replace('hello', 'é')).subarray(0, -4)),
      {},
    ],
  ])('a body %s is a 400', async (_what, encode, headers) => {
    const body = encode(JSON.stringify(base));
    const { status, body: answer } = await room.post(path, '', { body, headers });
    expect(status).toBe(400);
    expect(answer.error).toMatchObject({ type: 'invalid_request_error', param: null });
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    '%s is an unknown field like any other',
    async (name) => {
      const own = { ...JSON.parse(`{"${name}": {"polluted": true}}`) };
      for (const body of [
        JSON.stringify(base).replace('{', `{"${name}": 1, `),
        { ...base, expertgrid: own },
      ]) {
        const answer = await room.post(path, body);
        expect([answer.status, answer.body.error.code]).toEqual([400, 'unknown_parameter']);
        expect(answer.body.error.param).toContain(name);
      }
      expect('polluted' in {}).toBe(false);
    },
  );
});
