// Every answer of every operation has a status, a media type and a shape that /openapi.json describes. The requests are the
// examples, the same examples as streams, and requests that cause each error.
import type { ValidateFunction } from 'ajv';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openApiDocument } from '../../../../gateway/api/endpoints/openapi/document.ts';
import { type Operation, withoutKey } from '../../../../gateway/api/endpoints/openapi/operation.ts';
import { operations } from '../../../../gateway/api/endpoints/openapi/operations.ts';
import { hashKey } from '../../../../gateway/api/tenants/keys.ts';
import type { ShardStatus } from '../../../../router/shard-status.ts';
import { noCounters } from '../../../../router/shards/shard-counters.ts';
import { honestRequests } from '../fuzz/fuzz-requests.ts';
import { JSON_TYPE, MODEL, type Room, type RoomOptions, startRoom } from '../harness.ts';

interface Document {
  paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: object }> }> }>
  >;
  components: object;
}

const document = openApiDocument() as Document;
const ajv = new Ajv.default({ strict: false });
addFormats.default(ajv);

const validators = new Map<string, ValidateFunction>();

function validatorOf(schema: object): ValidateFunction {
  const name = JSON.stringify(schema);
  const known = validators.get(name) ?? ajv.compile({ ...schema, components: document.components });
  validators.set(name, known);
  return known;
}

/** For each media type, a function from the text of an answer to the values that the schema describes. Default: the text itself. */
const readers: Record<string, (text: string) => unknown[]> = {
  'application/json': (text) => [JSON.parse(text)],
  'text/event-stream': (text) => {
    const events = text.split('\n\n').filter((block) => block !== '' && !block.startsWith(':'));
    return events.map((block) => Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s))));
  },
};

/** Throws unless the document has this answer. */
async function requireDescribed({ method, path }: Operation, answer: Response): Promise<void> {
  const text = await answer.text();
  const type = (answer.headers.get('content-type') ?? '').split(';')[0] ?? '';
  const where = `${method} ${path}: ${answer.status} ${type} ${text.slice(0, 300)}`;
  const schema = document.paths[path]?.[method]?.responses[answer.status]?.content?.[type]?.schema;
  expect(schema, where).toBeDefined();
  const validate = validatorOf(schema ?? {});
  for (const value of readers[type]?.(text) ?? [text]) {
    expect(validate(value), `${where}\n${ajv.errorsText(validate.errors)}`).toBe(true);
  }
  expect(answer.headers.get('x-request-id')).toBeTruthy();
}

const LIMIT = 100_000;
const key = { name: 'a', created: '2026-01-31T12:00:00.000Z', sha256: hashKey('eg-a') };
const gone = { code: 'shard_unavailable', message: 'gone', retryable: true } as const;
/** The shard that the example of a drain names. */
const shard: ShardStatus = {
  ...{
    address: '127.0.0.1:7001',
    inProcess: false,
    zone: undefined,
    state: 'available',
    since: 1_790_000_000_000,
  },
  connected: true,
  ...{ units: 16, experts: '0-7', numericsClass: 'cpu-1', standby: false },
  ...{ weightBytes: 1_024, residentBytes: undefined },
  ...{ inFlight: 0, expectedMs: 0.25, p99Ms: 2.5, rowsPerSecond: 40, counters: noCounters() },
};
const drained = { type: 'drained', answered: 3, inFlight: 0 } as const;
const setups = {
  plain: { status: { shards: [shard] }, api: { drainShard: async () => drained } },
  named: { api: { hosts: { loopback: true, allowed: [] } } },
  keyed: { api: { access: { keys: () => [{ ...key, rpm: 1 }] } } },
  full: { fail: { after: 0, error: { ...gone, code: 'queue_full' } } },
  late: { fail: { after: 0, error: { ...gone, code: 'deadline_exceeded' } } },
  missing: {
    fail: { after: 0, error: gone },
    status: { ready: false, missing: [{ layer: 0, experts: '0-3' }] },
  },
} as const satisfies Record<string, RoomOptions>;
type Setup = keyof typeof setups;

const rooms = {} as Record<Setup, Room>;
beforeAll(async () => {
  for (const [name, options] of Object.entries(setups)) {
    rooms[name as Setup] = await startRoom({ once: true, limits: { bodyBytes: LIMIT }, ...options });
  }
});
afterAll(() => Promise.all(Object.values(rooms).map(({ server }) => server.close(0))));

/** The operation's first example. If the example names a model, the id of the served model replaces the name. */
function bodyOf({ examples = {} }: Operation): object {
  const [first = {}] = Object.values(examples);
  return 'model' in first ? { ...first, model: MODEL } : first;
}

const posts = operations.filter(({ method }) => method === 'post');
const gets = operations.filter(({ method }) => method === 'get');
const named = (all: readonly Operation[]) => all.map((operation) => [operation.path, operation] as const);

describe.each(named(posts))('POST %s', (path, operation) => {
  const example = bodyOf(operation);
  const send = async (setup: Setup, body: string, headers: Record<string, string> = {}) => {
    const init = { method: 'POST', headers: { ...JSON_TYPE, ...headers } };
    const answer = await fetch(rooms[setup].url + path, body === '' ? init : { ...init, body });
    await requireDescribed(operation, answer);
    return answer.status;
  };
  const text = JSON.stringify(example);

  test('the example and requests of clients are answered as described', async () => {
    expect(await send('plain', text)).toBe(200);
    if (operation.streams) {
      expect(await send('plain', JSON.stringify({ ...example, stream: true }))).toBe(200);
    }
    const honest = honestRequests.filter((each) => each.path === path);
    for (const { body } of honest) await send('plain', JSON.stringify(body));
  });

  test.each<[number, Setup, string, string, Record<string, string>?]>([
    [415, 'plain', 'no content type', text, { 'content-type': '' }],
    [415, 'plain', 'a form', text, { 'content-type': 'application/x-www-form-urlencoded' }],
    [415, 'plain', 'an unknown encoding', text, { 'content-encoding': 'compress' }],
    [400, 'plain', 'a broken encoding', text, { 'content-encoding': 'gzip' }],
    [400, 'plain', 'no body', ''],
    [400, 'plain', 'invalid JSON', '{'],
    [400, 'plain', 'a list', '[null]'],
    [400, 'plain', 'a lone surrogate', JSON.stringify({ ...example, '\ud800': 1 })],
    [400, 'plain', 'an unknown field', JSON.stringify({ ...example, nonsense: 1 })],
    [400, 'plain', 'several wrong fields', JSON.stringify({ ...example, nonsense: 1, other: [] })],
    [400, 'plain', 'a field of another type', JSON.stringify({ ...example, model: 5 })],
    'model' in example
      ? [404, 'plain', 'an unknown model', JSON.stringify({ ...example, model: 'nope' })]
      : [404, 'plain', 'an unknown shard', JSON.stringify({ ...example, address: 'nope:1' })],
    [413, 'plain', 'a large body', ' '.repeat(LIMIT + 1)],
    [403, 'named', 'a page of another site', text, { 'sec-fetch-site': 'cross-site' }],
    [401, 'keyed', 'no key', text],
  ])('status %i has the described shape (%s): %s', async (status, setup, _what, body, headers) => {
    expect(await send(setup, body, headers)).toBe(status);
  });

  test('status 429 has the described shape if a limit of the key is exceeded', async () => {
    const bearer = { authorization: 'Bearer eg-a' };
    await send('keyed', text, bearer);
    expect(await send('keyed', text, bearer)).toBe(429);
  });
});

test.each(named(posts.filter(({ streams }) => streams)))(
  'POST %s answers as described if the engine refuses the request',
  async (path, operation) => {
    for (const setup of ['full', 'late', 'missing'] as const) {
      for (const stream of [false, true]) {
        const body = JSON.stringify({ ...bodyOf(operation), stream });
        const answer = await fetch(rooms[setup].url + path, { method: 'POST', headers: JSON_TYPE, body });
        expect([429, 503, 504, 529]).toContain(answer.status);
        await requireDescribed(operation, answer);
      }
    }
  },
);

test.each(named(gets))('GET %s answers as described', async (_, operation) => {
  const path = operation.path.replace('{id}', MODEL);
  const ask = async (setup: Setup, from = path, headers = {}) => {
    const answer = await fetch(rooms[setup].url + from, { headers });
    await requireDescribed(operation, answer);
    return answer.status;
  };
  expect(await ask('plain')).toBe(200);
  expect(await ask('missing')).toBe(path === '/health/ready' ? 503 : 200);
  expect(await ask('named', path, { 'sec-fetch-site': 'cross-site' })).toBe(403);
  expect(await ask('keyed')).toBe(withoutKey.has(operation.failures) ? 200 : 401);
  for (const parameter of operation.parameters ?? []) {
    if (parameter.name === 'since') expect(await ask('plain', `${path}?since=-1`)).toBe(400);
    if (parameter.name === 'transitions') expect(await ask('plain', `${path}?transitions=2`)).toBe(400);
    if (parameter.name === 'model') expect(await ask('plain', `${path}?model=nope`)).toBe(404);
    if (parameter.name === 'id')
      expect(await ask('plain', operation.path.replace('{id}', '%ff/x'))).toBe(404);
    if (parameter.name !== 'anthropic-version') continue;
    const version = { 'anthropic-version': '2023-06-01' };
    expect(await ask('plain', path, version)).toBe(200);
    expect(await ask('keyed', path, version)).toBe(401);
    if (path === '/v1/models') expect(await ask('plain', `${path}?limit=0`, version)).toBe(400);
  }
});

test('every $ref in the document has a target', () => {
  const text = JSON.stringify(document);
  const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name = '']) => name,
  );
  const { schemas } = document.components as { schemas: object };
  expect(new Set(references)).toEqual(new Set(Object.keys(schemas)));
  for (const name of references) {
    expect(() => validatorOf({ $ref: `#/components/schemas/${name}` })).not.toThrow();
  }
});
