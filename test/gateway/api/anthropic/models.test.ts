// GET /v1/models and errors of any path in Anthropic's shapes, for clients that send the header anthropic-version.
import Anthropic, { NotFoundError } from '@anthropic-ai/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAiError } from '../../../../gateway/api/endpoints/openapi/operation.ts';
import { hashKey } from '../../../../gateway/api/tenants/keys.ts';
import { JSON_TYPE, MODEL, openRoom, type Room, startRoom } from '../harness.ts';
import { error } from './shapes.ts';

const others = { newer: {}, newest: { context: 77 } };
const aliases = () => new Map([['both', new Map([['newer', 1] as const, ['newest', 1] as const])]]);
let room: Room;
beforeAll(async () => {
  room = await startRoom({ others, aliases });
});
afterAll(() => room.server.close(0));

const clientOf = ({ url }: Room, apiKey = 'none') => new Anthropic({ baseURL: url, apiKey, maxRetries: 0 });
const version = { 'anthropic-version': '2023-06-01' };
const get = async (path: string, { url }: Room = room, init: RequestInit = { headers: version }) => {
  const answer = await fetch(url + path, init);
  const body: unknown = await answer.json();
  return { status: answer.status, body, id: answer.headers.get('request-id') };
};

test('Anthropic’s client lists models in pages, newest first, and retrieves each', async () => {
  const client = clientOf(room);
  const ids: string[] = [];
  for await (const model of client.models.list({ limit: 1 })) {
    expect(await client.models.retrieve(model.id)).toEqual(expect.objectContaining({ ...model }));
    ids.push(model.id);
  }
  expect(ids.toSorted()).toEqual([MODEL, 'both', 'newer', 'newest'].toSorted());
  expect(ids.slice(2)).toEqual(['newer', MODEL]);
});

test('a model has Anthropic’s fields, and an alias has the smallest context of its versions', async () => {
  expect((await get('/v1/models/both')).body).toEqual({
    type: 'model',
    id: 'both',
    display_name: 'both',
    created_at: '2023-11-14T22:13:22.000Z',
    max_input_tokens: 77,
    max_tokens: 77,
    lifecycle: 'active',
    line: null,
    capabilities: null,
    deprecated_at: null,
    retires_at: null,
  });
});

test.each([
  ['', [4, false]],
  ['?limit=2', [2, true]],
  ['?limit=3&after_id=newer', [1, false]],
  [`?limit=2&before_id=${MODEL}`, [2, true]],
  [`?limit=9&before_id=${MODEL}`, [3, false]],
  ['?lifecycle[]=active&lifecycle[]=retired', [4, false]],
  ['?lifecycle[]=retired', [0, false]],
])('the query %s selects the page', async (query, [length, hasMore]) => {
  const { body } = await get(`/v1/models${query}`);
  const { data, has_more, first_id, last_id } = body as Record<string, unknown> & { data: { id: string }[] };
  expect([data.length, has_more]).toEqual([length, hasMore]);
  expect([first_id, last_id]).toEqual([data[0]?.id ?? null, data.at(-1)?.id ?? null]);
});

test.each([
  ['/v1/models?limit=0', 400, /'limit'/],
  ['/v1/models?limit=1001', 400, /'limit'/],
  ['/v1/models?after_id=none', 400, /'after_id'/],
  ['/v1/models?after_id=newer&before_id=newest', 400, /'after_id' and 'before_id'/],
  ['/v1/models/none', 404, /'none' does not exist/],
  ['/v1/nothing', 404, /Invalid URL/],
])('%s is a %i in Anthropic’s shape', async (path, status, words) => {
  const answer = await get(path);
  expect(answer.status).toBe(status);
  const { error: told, request_id } = error.parse(answer.body);
  expect(told).toEqual({
    type: status === 404 ? 'not_found_error' : 'invalid_request_error',
    message: expect.stringMatching(words),
  });
  expect(request_id).toBe(answer.id);
});

test('a 405 and a missing key have Anthropic’s shape', async () => {
  const { status, body } = await get('/v1/models', room, { method: 'DELETE', headers: version });
  expect([status, error.parse(body).error.type]).toEqual([405, 'invalid_request_error']);
  const keys = () => [{ name: 'a', sha256: hashKey('eg-a'), created: '2026-01-31T12:00:00.000Z' }];
  const locked = await openRoom({ api: { access: { keys } } });
  const refused = await get('/v1/models', locked);
  expect([refused.status, error.parse(refused.body).error.type]).toEqual([401, 'authentication_error']);
  const client = clientOf(locked, 'eg-a');
  await expect(client.models.retrieve('none')).rejects.toBeInstanceOf(NotFoundError);
});

test.each([
  ['/v1/chat/completions', 'POST', 400],
  ['/completions/', 'POST', 400],
  ['/v1/responses', 'POST', 400],
  ['/v1/responses/resp_1', 'GET', 404],
  ['/v1/responses/input_tokens', 'GET', 405],
  ['/tokenize', 'POST', 400],
])('%s belongs to one API, so the header does not change its errors', async (path, method, status) => {
  const init = { method, headers: { ...JSON_TYPE, ...version }, ...(method === 'POST' && { body: '{' }) };
  const answer = await get(path, room, init);
  expect([answer.status, answer.id]).toEqual([status, null]);
  expect(openAiError.parse(answer.body).error.type).toBe('invalid_request_error');
});

test('without the header, models and errors have OpenAI’s shapes', async () => {
  expect((await get('/v1/models', room, {})).body).toMatchObject({ object: 'list' });
  expect((await get('/v1/models/none', room, {})).body).toMatchObject({ error: { code: 'model_not_found' } });
});
