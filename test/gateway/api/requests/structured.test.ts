import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { constraintOf } from '../../../../gateway/api/requests/structured.ts';
import { MODEL, type Room, startRoom } from '../harness.ts';

let room: Room;
beforeAll(async () => {
  room = await startRoom();
});
afterAll(() => room.server.close(0));

const endpoints = [
  ['/v1/completions', { model: MODEL, prompt: 'hello', max_tokens: 2 }],
  ['/v1/chat/completions', { model: MODEL, messages: [{ role: 'user', content: 'hello' }], max_tokens: 2 }],
] as const;
const schema = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] };
const format = (of: unknown) => ({
  response_format: { type: 'json_schema', json_schema: { name: 'x', schema: of } },
});

describe.each(endpoints)('%s', (path, base) => {
  test.each([
    [{ response_format: { type: 'json_object' } }, { type: 'json_object' }],
    [format(schema), { type: 'json_schema', schema: JSON.stringify(schema) }],
    [{ guided_json: schema }, { type: 'json_schema', schema: JSON.stringify(schema) }],
    [{ guided_json: '{"type": "null"}' }, { type: 'json_schema', schema: '{"type": "null"}' }],
    [{ guided_regex: 'a+' }, { type: 'regex', pattern: 'a+' }],
    [{ guided_choice: ['a', 'b'] }, { type: 'choice', choices: ['a', 'b'] }],
    [{ guided_grammar: 'root ::= "a"' }, { type: 'grammar', grammar: 'root ::= "a"' }],
    [{ structured_outputs: { choice: ['a'] } }, { type: 'choice', choices: ['a'] }],
    [{ structured_outputs: { json_object: true } }, { type: 'json_object' }],
    [
      { response_format: { type: 'text' }, guided_regex: 'a' },
      { type: 'regex', pattern: 'a' },
    ],
  ])('%j becomes the constraint of the engine', async (fields, constraint) => {
    const { post, engine } = room;
    engine.requests.length = 0;
    const { status } = await post(path, { ...base, ...fields, n: 2 });
    expect(status).toBe(200);
    expect(engine.requests.map((request) => request.constraint)).toEqual([constraint, constraint]);
  });

  test.each<[object, string, string]>([
    [{ response_format: { type: 'xml' } }, 'response_format.type', 'invalid_value'],
    [
      { response_format: { type: 'json_schema' } },
      'response_format.json_schema',
      'missing_required_parameter',
    ],
    [
      { response_format: { type: 'json_schema', json_schema: { name: 'x' } } },
      'response_format.json_schema.schema',
      'missing_required_parameter',
    ],
    [
      format({ properties: { a: { unevaluatedProperties: false } } }),
      'response_format.json_schema.schema.properties.a.unevaluatedProperties',
      'invalid_json_schema',
    ],
    [
      format({ type: 'string', pattern: '(?<!a)b' }),
      'response_format.json_schema.schema.pattern',
      'invalid_json_schema',
    ],
    [{ guided_json: '{"type":' }, 'guided_json', 'invalid_json_schema'],
    [{ guided_json: { unevaluatedItems: false } }, 'guided_json.unevaluatedItems', 'invalid_json_schema'],
    [{ guided_json: { not: {} } }, 'guided_json', 'invalid_json_schema'],
    [{ guided_regex: '(' }, 'guided_regex', 'invalid_value'],
    [{ guided_grammar: 'root ::= other' }, 'guided_grammar', 'invalid_value'],
    [{ guided_choice: [] }, 'guided_choice', 'empty_array'],
    [{ structured_outputs: { grammar: 'x' } }, 'structured_outputs.grammar', 'invalid_value'],
    [
      { structured_outputs: { structural_tag: '{}' } },
      'structured_outputs.structural_tag',
      'unknown_parameter',
    ],
    [{ guided_regex: 'a', guided_choice: ['a'] }, 'guided_choice', 'invalid_parameter_combination'],
    [
      { response_format: { type: 'json_object' }, guided_regex: 'a' },
      'guided_regex',
      'invalid_parameter_combination',
    ],
  ])('%j is a 400 that names %s, and the engine gets no request', async (fields, param, code) => {
    const { post, engine } = room;
    engine.requests.length = 0;
    const { status, body } = await post(path, { ...base, ...fields });
    expect([status, body.error.param, body.error.code]).toEqual([400, param, code]);
    expect(engine.requests).toEqual([]);
    expect((await post(path, base)).status).toBe(200);
  });
});

test('a schema of more than a million characters is a 400 that says so', async () => {
  const guided_json = { description: 'x'.repeat(1_050_000) };
  const { status, body } = await room.post('/v1/completions', { ...endpoints[0][1], guided_json });
  expect([status, body.error.param, body.error.code]).toEqual([400, 'guided_json', 'invalid_json_schema']);
  expect(body.error.message).toContain('at most 1048576');
});

test('a text format has no effect, and each use of an unsupported schema is refused with the name of the keyword', async () => {
  expect(constraintOf({ response_format: { type: 'text' } })).toEqual({ form: undefined, asked: [] });
  const schema = { not: { unevaluatedItems: false } };
  const response_format = { type: 'json_schema', json_schema: { name: 'x', schema } };
  for (let times = 0; times < 2; times++) {
    const { status, body } = await room.post('/v1/completions', { ...endpoints[0][1], response_format });
    const param = 'response_format.json_schema.schema.not.unevaluatedItems';
    expect([status, body.error.param]).toEqual([400, param]);
  }
});
