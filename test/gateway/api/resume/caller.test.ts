// Signed requests of trusted callers, and what their signatures decide.
import { expect, test } from 'vitest';
import type { Claims } from '../../../../resume/signed-request.ts';
import { CLAIMS_HEADER, RECORD_HEADER } from '../../../../resume/signed-request.ts';
import { USAGE_HEADER } from '../../../../resume/usage-report.ts';
import { SECRET, type SignedOptions, signedRequest } from '../../../support/resume/signed.ts';
import { type AnswerBody, openRoom, type Room, type RoomOptions } from '../harness.ts';

const path = '/v1/completions';
const body = { model: 'm', prompt: 'hello', max_tokens: 4 };
const trusting: RoomOptions = { api: { callerSecrets: () => [SECRET] } };

async function send(
  room: Room,
  given: Partial<SignedOptions> = {},
  change: (headers: Headers) => void = () => {},
) {
  const {
    url,
    method,
    headers,
    body: bytes,
  } = signedRequest({ path, body: { ...body, model: modelOf(room) }, ...given });
  change(headers);
  const text = await new Response(bytes).text();
  const response = await fetch(room.url + new URL(url).pathname, { method, headers, body: text });
  const answer = (await response.json()) as AnswerBody;
  return { status: response.status, body: answer, headers: response.headers };
}

function modelOf({ engines }: Room): string {
  return [...engines.keys()][0] ?? '';
}

test('the signed tenant decides cache salt, fair share and usage, and needs no API key', async () => {
  const lines: { key: string | null; request: string }[] = [];
  const room = await openRoom({
    api: { ...trusting.api, access: { keys: () => [] }, onUsage: (line) => lines.push(line) },
  });
  const alice = await send(room, { claims: { tenant: 'alice', request: 'req-a' } });
  const bob = await send(room, { claims: { tenant: 'bob', request: 'req-b' } });
  expect([alice.status, bob.status]).toEqual([200, 200]);
  expect(alice.headers.get('x-request-id')).toBe('req-a');
  const [a, b] = room.engine.requests;
  expect([a.tenant, b.tenant]).toEqual(['alice', 'bob']);
  expect(a.cacheSalt).not.toBe(b.cacheSalt);
  expect(lines).toMatchObject([
    { key: 'alice', request: 'req-a' },
    { key: 'bob', request: 'req-b' },
  ]);
  const unsigned = await room.post(path, { ...body, model: modelOf(room) });
  expect(unsigned.status).toBe(401);
});

test('the claim `answer` fixes id, time and seed, so that a repeated request gets the same answer', async () => {
  const room = await openRoom(trusting);
  const answer = { id: '0123456789abcdef0123456789abcdef', created: 1_700_000_123, seed: 42 };
  const first = await send(room, { claims: { answer } });
  expect(first.body).toMatchObject({
    id: `cmpl-${answer.id}`,
    created: answer.created,
    expertgrid: { seed: 42 },
  });
  expect((await send(room, { claims: { answer } })).body).toEqual(first.body);
  const given = await send(room, { body: { ...body, model: modelOf(room), seed: 7 }, claims: { answer } });
  expect(given.body.expertgrid.seed).toBe(7);
});

const refusals: [string, Partial<SignedOptions>, number, string][] = [
  ['another secret', { secret: 'another secret that is long enough as well' }, 401, 'invalid_signature'],
  ['a clock that is 31 s behind', { claims: { time: Date.now() - 31_000 } }, 401, 'clock_skew'],
  ['a clock that is an hour ahead', { claims: { time: Date.now() + 3_600_000 } }, 401, 'clock_skew'],
  ['the hash of another body', { claims: { body: '0'.repeat(64) } }, 401, 'invalid_signature'],
  ['no scope', { claims: { scopes: [] } }, 403, 'insufficient_permissions'],
  ['a malformed claim', { claims: { tenant: '' } }, 400, 'invalid_value'],
  ['an unknown claim', { claims: { colour: 'red' } as Partial<Claims> }, 400, 'invalid_value'],
];

test.each(refusals)('a request with %s is refused', async (_, given, status, code) => {
  const room = await openRoom(trusting);
  const refused = await send(room, given);
  expect([refused.status, refused.body.error.code]).toEqual([status, code]);
  expect(room.engine.requests).toHaveLength(0);
});

test('the error about the clocks has both times and their difference', async () => {
  const room = await openRoom(trusting);
  const { body: refused } = await send(room, { claims: { time: Date.parse('2026-01-01T00:00:00Z') } });
  expect(refused.error.message).toMatch(
    /^The request was signed at 2026-01-01T00:00:00.000Z, but the clock of this gateway says .*: they differ by \d+ s, and at most 30 s are allowed/,
  );
});

test('the error of a malformed claim names it', async () => {
  const room = await openRoom(trusting);
  const { body: refused } = await send(room, { claims: { answer: { id: 'x', created: 1, seed: 1 } } });
  expect(refused.error.param).toBe(`${CLAIMS_HEADER}.answer.id`);
});

test('a request that is sent twice is refused the second time', async () => {
  const room = await openRoom(trusting);
  const claims = { nonce: 'the same nonce twice' };
  expect((await send(room, { claims })).status).toBe(200);
  const again = await send(room, { claims });
  expect([again.status, again.body.error.code]).toEqual([401, 'replayed_request']);
});

test.each(['/v1/completions/', '/completions'])(
  'the signature covers the path as sent, such as %s',
  async (path) => {
    const room = await openRoom(trusting);
    expect((await send(room, { path })).status).toBe(200);
  },
);

test('the memory of a signed body counts for the tenant', async () => {
  const room = await openRoom({ ...trusting, limits: { answerMemory: 256 * 1024 } });
  const large = { ...body, model: modelOf(room), prompt: 'word '.repeat(40_000) };
  const refused = await send(room, { body: large });
  expect([refused.status, refused.body.error.code]).toEqual([429, 'request_memory']);
});

test('changed claims do not fit their signature', async () => {
  const room = await openRoom(trusting);
  const refused = await send(room, {}, (headers) => {
    headers.set(CLAIMS_HEADER, headers.get(CLAIMS_HEADER)?.replace('alice', 'mallory') ?? '');
  });
  expect([refused.status, refused.body.error.code]).toEqual([401, 'invalid_signature']);
});

test('the previous secret is accepted while it is in the file', async () => {
  let secrets = [SECRET];
  const room = await openRoom({ api: { callerSecrets: () => secrets } });
  secrets = ['a newer secret that has enough characters', SECRET];
  expect((await send(room)).status).toBe(200);
  secrets = ['a newer secret that has enough characters'];
  expect((await send(room)).status).toBe(401);
});

test('only the scope `admin` opens the endpoints about all tenants', async () => {
  const room = await openRoom({ api: { ...trusting.api, access: { keys: () => [] } } });
  const drain = { path: '/v1/shards/drain', body: { address: 'a:1' } };
  expect((await send(room, drain)).status).toBe(403);
  expect((await send(room, { ...drain, claims: { scopes: ['generate', 'admin'] } })).status).toBe(404);
});

test('a gateway without a secret refuses signed requests and says how to start it', async () => {
  const room = await openRoom();
  const refused = await send(room);
  expect([refused.status, refused.body.error.code]).toEqual([401, 'caller_not_trusted']);
  expect(refused.body.error.message).toContain('--edge-secret-file');
});

test.each(['0', '-1', 'x', '999999999'])('the length of a record may not be %s', async (length) => {
  const room = await openRoom(trusting);
  const refused = await send(room, {}, (headers) => headers.set(RECORD_HEADER, length));
  expect([refused.status, refused.body.error.param]).toEqual([400, RECORD_HEADER]);
});

test('a weight in the claims decides the fair share of the tenant', async () => {
  const room = await openRoom(trusting);
  expect((await send(room, { claims: { weight: 7 } })).status).toBe(200);
  expect(room.engine.requests[0]?.weight).toBe(7);
  expect((await send(room, { claims: { weight: 0 } })).body.error.param).toContain('weight');
});

const answered = { id: '0123456789abcdef0123456789abcdef', created: 1_700_000_123, seed: 42 };
const usageOf = (room: Room, id: string, change: Partial<SignedOptions> = {}) => {
  const asked = signedRequest({
    path: `/v1/usage/${id}`,
    body: '',
    claims: { nonce: crypto.randomUUID() },
    ...change,
    method: 'GET',
  });
  return fetch(room.url + new URL(asked.url).pathname, { headers: asked.headers });
};

test('an answer that is not a stream tells its usage in a header, and an error does too', async () => {
  const room = await openRoom(trusting);
  const good = await send(room, { claims: { answer: answered } });
  const { usage } = good.body;
  expect(JSON.parse(good.headers.get(USAGE_HEADER) ?? '')).toEqual({
    prompt_tokens: usage?.prompt_tokens,
    cached_tokens: usage?.prompt_tokens_details?.cached_tokens,
    generated_tokens: usage?.completion_tokens,
    degraded_hops: 0,
  });
  const bad = await send(room, { body: { model: modelOf(room), prompt: 7 }, claims: { answer: answered } });
  expect([bad.status, JSON.parse(bad.headers.get(USAGE_HEADER) ?? '').generated_tokens]).toEqual([400, 0]);
  expect((await send(room)).headers.has(USAGE_HEADER)).toBe(false);
});

test('the usage of a request that has ended can be asked for by its answer id, by trusted callers only', async () => {
  const room = await openRoom(trusting);
  await send(room, { claims: { answer: answered } });
  const found = await usageOf(room, answered.id);
  expect([found.status, await found.json()]).toEqual([
    200,
    expect.objectContaining({ generated_tokens: expect.any(Number) }),
  ]);
  const unknown = await usageOf(room, 'f'.repeat(32));
  expect([unknown.status, ((await unknown.json()) as AnswerBody).error.code]).toEqual([
    404,
    'usage_not_found',
  ]);
  expect((await fetch(`${room.url}/v1/usage/${answered.id}`)).status).toBe(403);
});

test('with --edge-only, only signed requests and health checks are answered; metrics are at the port for the status', async () => {
  const room = await openRoom({ api: { ...trusting.api, access: { keys: () => [], edgeOnly: true } } });
  expect((await send(room)).status).toBe(200);
  for (const path of ['/v1/models', '/metrics']) {
    const refused = await fetch(room.url + path);
    expect([path, refused.status, ((await refused.json()) as AnswerBody).error.code]).toEqual([
      path,
      401,
      'edge_only',
    ]);
  }
  expect((await fetch(`${room.url}/health`)).status).toBe(200);
});
