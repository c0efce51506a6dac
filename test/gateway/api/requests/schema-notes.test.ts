// Schemas that are not strict, at every endpoint that accepts schemas. Notes in the answer name the parts that are not
// enforced, by their paths in the request.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { namedEvents } from '../anthropic/named-events.ts';
import { event as anthropicEvent, message } from '../anthropic/shapes.ts';
import { JSON_TYPE, MODEL, type Room, readEvents, say, startRoom } from '../harness.ts';
import { response, event as responsesEvent } from '../responses/shapes.ts';

let room: Room;
beforeAll(async () => {
  room = await startRoom({ once: true, context: 8000, chat: TOOL_TEMPLATE, reply: () => say('Fine.') });
});
afterAll(() => room.server.close(0));

const messages = [{ role: 'user', content: 'hello' }];
const set = { type: 'array', items: { type: 'integer' }, uniqueItems: true };
const odd = {
  type: 'object',
  properties: { ids: set, far: { $ref: 'https://example.org/far.json' }, n: { type: 'integer' } },
  required: ['ids', 'n'],
  unevaluatedProperties: false,
};
const plain = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
/** The paths in the schema `odd` that are not enforced, in the order in which they are found. */
const left = ['.unevaluatedProperties', '.properties.ids.uniqueItems', '.properties.far.$ref'];

interface Endpoint {
  path: string;
  /** A request that offers these schemas as tools. */
  tools(schemas: readonly unknown[], fields?: object): object;
  /** Path of the schema of a tool. */
  at(index: number): string;
  notes(text: string): unknown;
  /** Returns the notes of the first event that may have notes, and those of all other events together. */
  streamed(text: string): { first: unknown; later: unknown[] };
}

const notesIn = (value: { expertgrid?: unknown }): unknown => {
  return (value.expertgrid as { schema_notes?: unknown } | undefined)?.schema_notes;
};

const endpoints: Endpoint[] = [
  {
    path: '/v1/chat/completions',
    tools: (schemas, fields) => ({
      messages,
      tools: schemas.map((parameters, i) => ({
        type: 'function',
        function: { name: `f${i}`, parameters, ...fields },
      })),
    }),
    at: (index) => `tools[${index}].function.parameters`,
    notes: (text) => notesIn(JSON.parse(text)),
    streamed: (text) => {
      const [first = {}, ...later] = text
        .split('\n\n')
        .filter((block) => block.startsWith('data: {'))
        .map((block): { expertgrid?: unknown } => JSON.parse(block.slice(6)));
      return { first: notesIn(first), later: later.map(notesIn) };
    },
  },
  {
    path: '/v1/responses',
    tools: (schemas, fields) => ({
      input: 'hello',
      tools: schemas.map((parameters, i) => ({ type: 'function', name: `f${i}`, parameters, ...fields })),
    }),
    at: (index) => `tools[${index}].parameters`,
    notes: (text) => notesIn(response.parse(JSON.parse(text))),
    streamed: (text) => {
      const [first] = namedEvents(text, responsesEvent);
      return { first: first !== undefined && 'response' in first && notesIn(first.response), later: [] };
    },
  },
  {
    path: '/v1/messages',
    tools: (schemas, fields) => ({
      messages,
      max_tokens: 20,
      tools: schemas.map((input_schema, i) => ({ name: `f${i}`, input_schema, ...fields })),
    }),
    at: (index) => `tools[${index}].input_schema`,
    notes: (text) => notesIn(message.parse(JSON.parse(text))),
    streamed: (text) => {
      const [first] = namedEvents(text, anthropicEvent);
      return { first: first?.type === 'message_start' && notesIn(first.message), later: [] };
    },
  },
];

async function ask(path: string, body: object): Promise<{ status: number; text: string }> {
  const answer = await fetch(room.url + path, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ model: MODEL, ...body }),
  });
  return { status: answer.status, text: await answer.text() };
}

describe.each(endpoints)('tools at $path', ({ path, tools, at, notes, streamed }) => {
  test('that are not strict are accepted, and the parts that are not enforced are named by paths of the request', async () => {
    for (const fields of [{}, { strict: false }]) {
      const { status, text } = await ask(path, tools([plain, odd], fields));
      expect([status, notes(text)]).toEqual([200, left.map((each) => at(1) + each)]);
    }
  });

  test('have their notes only at the beginning of a stream', async () => {
    const { status, text } = await ask(path, { ...tools([odd]), stream: true });
    expect(status).toBe(200);
    const { first, later } = streamed(text);
    expect(first).toEqual(left.map((each) => at(0) + each));
    expect(later.filter((each) => each !== undefined)).toEqual([]);
  });

  test('whose schemas are fully supported have no notes', async () => {
    const { status, text } = await ask(path, tools([plain, { type: 'object' }]));
    expect([status, notes(text)]).toEqual([200, undefined]);
  });

  test('that are strict are refused with the unsupported keyword', async () => {
    const { status, text } = await ask(path, tools([plain, odd], { strict: true }));
    expect(status).toBe(400);
    expect(text).toContain(`${at(1)}.unevaluatedProperties`);
    expect((await ask(path, tools([plain], { strict: true }))).status).toBe(200);
  });

  test('have notes with at most 20 paths', async () => {
    const { status, text } = await ask(path, tools(Array(15).fill(odd)));
    const told = notes(text) as string[];
    expect(status).toBe(200);
    expect(told).toHaveLength(20);
    expect(told[0]).toBe(`${at(0)}.unevaluatedProperties`);
  });

  test('with invalid schemas are refused, strict or not', async () => {
    const wrong = { type: 'object', properties: { a: { type: 'text' } } };
    const { status, text } = await ask(path, tools([plain, wrong]));
    expect(status).toBe(400);
    expect(text).toContain(`${at(1)}.properties.a.type`);
  });

  test('that refer to their own definitions are enforced, without notes', async () => {
    const nested = {
      $defs: { Address: { type: 'object', properties: { zip: { type: 'integer' } }, required: ['zip'] } },
      type: 'object',
      properties: {
        to: { $ref: '#/$defs/Address' },
        also: { anyOf: [{ $ref: '#/$defs/Address' }, { type: 'null' }] },
      },
      required: ['to'],
    };
    const { status, text } = await ask(path, tools([plain, nested]));
    expect([status, notes(text)]).toEqual([200, undefined]);
  });
});

const shapes: Record<string, object> = {
  'a branch of anyOf that no value matches': {
    properties: { head: { anyOf: [{ not: {} }, { type: 'number' }] }, path: { type: 'string' } },
    required: ['path'],
  },
  'propertyNames that allow any string': {
    properties: {
      labels: { type: 'object', propertyNames: { type: 'string' }, additionalProperties: {} },
    },
  },
  'the formats int64, double and binary': {
    properties: {
      id: { type: 'integer', format: 'int64' },
      ratio: { type: 'number', format: 'double' },
      file: { type: 'string', format: 'binary' },
    },
  },
  'a format and a pattern': {
    properties: {
      day: { type: 'string', format: 'date', pattern: '^(\\d\\d[02468][048]-02-29|\\d{4}-\\d\\d-\\d\\d)$' },
    },
  },
  'if and then, dependentRequired, minProperties': {
    properties: { a: { type: 'string' }, b: {}, tags: { type: 'object', minProperties: 1 } },
    if: { properties: { a: { const: 'x' } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { required: ['b'] },
    dependentRequired: { a: ['b'] },
  },
  'a list with contains': {
    properties: { list: { type: 'array', items: { type: 'string' }, contains: { const: 'a' } } },
  },
  "OpenAPI's own keywords": {
    properties: {
      a: { type: 'string', example: 'x', nullable: true, 'x-order': 1, deprecated: true, readOnly: true },
      pet: {
        oneOf: [
          { type: 'object', properties: { kind: { const: 'cat' } }, required: ['kind'] },
          { type: 'object', properties: { kind: { const: 'dog' } }, required: ['kind'] },
        ],
        discriminator: { propertyName: 'kind' },
      },
    },
  },
  'branches of oneOf that match the same value': {
    properties: { a: { oneOf: [{ type: 'string' }, { type: 'string', enum: ['x'] }] } },
  },
  '$id, $anchor, and definitions without a reference to them': {
    properties: { a: { $id: '#a', type: 'string' }, b: { $anchor: 'x', type: 'string' } },
    $defs: { Unused: { type: 'string', format: 'path' } },
  },
  'items that are a list of schemas': {
    properties: { pair: { type: 'array', items: [{ type: 'string' }, { type: 'number' }] } },
  },
  'multipleOf 0.01, and a pattern with a class of letters': {
    properties: {
      price: { type: 'number', multipleOf: 0.01 },
      name: { type: 'string', pattern: '^\\p{L}+$', minLength: 1 },
    },
  },
  'a pattern of e-mail addresses with a lookahead': {
    properties: {
      mail: {
        type: 'string',
        format: 'email',
        pattern: "^(?!\\.)(?!.*\\.\\.)([\\w'+\\-.]*)[\\w+-]@([A-Za-z0-9][A-Za-z0-9-]*\\.)+[A-Za-z]{2,}$",
      },
    },
  },
  'a base64 text with contentEncoding': {
    properties: { data: { type: 'string', contentEncoding: 'base64', maxLength: 8 } },
  },
  'a property with only a description': { properties: { anything: { description: 'Whatever it is.' } } },
  'a type or null, with a default': { properties: { a: { type: ['string', 'null'], default: null } } },
  'an enum with the same value twice': { properties: { e: { enum: ['a', 'b', 'a'] } } },
  'a reference from the root': {
    $ref: '#/definitions/Args',
    definitions: { Args: { type: 'object', properties: { z: { type: 'integer' } }, required: ['z'] } },
  },
  'a reference to a part of the schema outside the definitions': {
    allOf: [{ type: 'object', properties: { p: { type: 'integer' } } }],
    properties: { q: { $ref: '#/allOf/0' } },
  },
  'anyOf at the root': {
    anyOf: [
      { type: 'object', properties: { z: { type: 'integer' } }, required: ['z'] },
      { type: 'object', properties: { y: { type: 'integer' } }, required: ['y'] },
    ],
  },
};

describe('shapes that generators of tools write', () => {
  test.each(Object.entries(shapes))('are enforced completely, strict or not: %s', async (_, shape) => {
    const schema = 'anyOf' in shape || '$ref' in shape ? shape : { type: 'object', ...shape };
    for (const { path, tools, notes } of endpoints) {
      const { status, text } = await ask(path, tools([plain, schema], { strict: true }));
      expect([path, status, status === 200 ? notes(text) : text]).toEqual([path, 200, undefined]);
    }
    const { status, text } = await ask('/v1/chat/completions', format(schema, { strict: true }));
    expect([status, status === 200 ? notesIn(JSON.parse(text)) : text]).toEqual([200, undefined]);
  });
});

const format = (schema: unknown, fields: object = {}) => ({
  messages,
  response_format: { type: 'json_schema', json_schema: { name: 'x', schema, ...fields } },
});

describe('formats of answers', () => {
  const at = 'response_format.json_schema.schema';

  test.each([
    ['/v1/chat/completions', {}],
    ['/v1/completions', { prompt: 'hello', messages: undefined }],
  ])(
    'at %s are enforced in their supported parts if they are not strict, and are a 400 if they are strict',
    async (path, fields) => {
      const { status, text } = await ask(path, { ...format(odd, { strict: false }), ...fields });
      expect([status, notesIn(JSON.parse(text))]).toEqual([200, left.map((each) => at + each)]);
      expect(room.engine.requests.at(-1)?.constraint).toMatchObject({ type: 'json_schema', relaxed: true });
      const stream = await fetch(room.url + path, {
        method: 'POST',
        headers: JSON_TYPE,
        body: JSON.stringify({ model: MODEL, ...format(odd, { strict: false }), ...fields, stream: true }),
      });
      const [first, ...later] = (await readEvents(stream)).values;
      expect(notesIn(first ?? {})).toEqual(left.map((each) => at + each));
      expect(later.map((each) => notesIn(each)).filter((each) => each !== undefined)).toEqual([]);
      for (const strict of [true, undefined, null]) {
        const refused = await ask(path, { ...format(odd, { strict }), ...fields });
        expect([strict, refused.status]).toEqual([strict, 400]);
        expect(JSON.parse(refused.text).error.param).toBe(`${at}.unevaluatedProperties`);
      }
    },
  );

  test('have notes at /v1/responses whose paths begin with text.format', async () => {
    const text = (fields: object) => ({
      input: 'hello',
      text: { format: { type: 'json_schema', name: 'x', schema: odd, ...fields } },
    });
    const loose = await ask('/v1/responses', text({ strict: false }));
    expect(loose.status).toBe(200);
    expect(notesIn(JSON.parse(loose.text))).toEqual(left.map((each) => `text.format.schema${each}`));
    const strict = await ask('/v1/responses', text({ strict: true }));
    expect([strict.status, JSON.parse(strict.text).error.param]).toEqual([
      400,
      'text.format.schema.unevaluatedProperties',
    ]);
  });

  test('have their notes together with those of tools', async () => {
    const [chat] = endpoints;
    const body = {
      ...chat?.tools([odd]),
      ...format({ type: 'array', uniqueItems: true }, { strict: false }),
    };
    const { status, text } = await ask('/v1/chat/completions', body);
    expect([status, notesIn(JSON.parse(text))]).toEqual([
      200,
      [...left.map((each) => `tools[0].function.parameters${each}`), `${at}.uniqueItems`],
    ]);
  });
});
