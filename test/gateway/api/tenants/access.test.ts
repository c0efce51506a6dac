// A server with API keys: who may call, the limits of keys, their caches and their usage.
import OpenAI, { AuthenticationError, PermissionDeniedError, RateLimitError } from 'openai';
import { describe, expect, test } from 'vitest';
import { hashKey, type StoredKey } from '../../../../gateway/api/tenants/keys.ts';
import type { UsageLine } from '../../../../gateway/api/tenants/usage-log.ts';
import type { FakeEngineOptions } from '../../../support/engines/fake-engine.ts';
import {
  type AnswerBody,
  JSON_TYPE,
  MODEL,
  openRoom,
  type Room,
  type RoomOptions,
  readEvents,
  until,
} from '../harness.ts';

const named = (name: string, limits: Partial<StoredKey> = {}): StoredKey => {
  return { name, sha256: hashKey(`eg-${name}`), created: '2026-01-31T12:00:00.000Z', ...limits };
};
const bearer = (name: string) => ({ headers: { ...JSON_TYPE, authorization: `Bearer eg-${name}` } });
const ask = { model: MODEL, prompt: 'hello', max_tokens: 2 };

interface KeyedOptions extends RoomOptions {
  keys: StoredKey[];
  sharedPrefix?: boolean;
}

/** A server with API keys, which the test may change, and the usage that it reports. */
async function openKeyed({ keys, sharedPrefix, ...options }: KeyedOptions) {
  const held = { keys };
  const usage: UsageLine[] = [];
  const access = { keys: () => held.keys, ...(sharedPrefix !== undefined && { sharedPrefix }) };
  const room = await openRoom({ ...options, api: { access, onUsage: (line) => usage.push(line) } });
  return { ...room, held, usage };
}

function clientOf({ url }: Room, name: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: `eg-${name}`, maxRetries: 0 });
}

describe('a key', () => {
  test.each([
    ['no key', {}, "You didn't provide an API key."],
    ['a key with another scheme', { authorization: 'Basic eg-alice' }, "You didn't provide an API key."],
    ['an empty key', { authorization: 'Bearer ' }, "You didn't provide an API key."],
    [
      'a wrong key',
      { authorization: 'Bearer eg-alicf' },
      'Incorrect API key provided. Keys of this server begin with eg-.',
    ],
    [
      'a long wrong key',
      { authorization: `Bearer eg-${'x'.repeat(43)}` },
      'Incorrect API key provided: eg-xxx….',
    ],
    ['a secret of another service', { authorization: 'Bearer sk-secret' }, 'provided. Keys of this'],
    ['two keys', { authorization: 'Bearer eg-alice eg-alice' }, "You didn't provide an API key."],
    ['a wrong key in the header x-api-key', { 'x-api-key': 'eg-bob' }, 'Incorrect API key provided'],
  ])('%s is a 401', async (_what, headers, message) => {
    const { post, engine, usage } = await openKeyed({ keys: [named('alice')] });
    const answer = await post('/v1/completions', ask, { headers: headers as Record<string, string> });
    expect(answer.status).toBe(401);
    expect(answer.body.error).toMatchObject({
      type: 'invalid_request_error',
      param: null,
      code: 'invalid_api_key',
    });
    expect(answer.body.error.message).toContain(message);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="expertgrid"');
    expect(answer.headers.get('x-request-id')).toMatch(/^req_/);
    expect([engine.requests.length, usage.length]).toEqual([0, 0]);
  });

  test('is accepted in either header', async () => {
    const { post } = await openKeyed({ keys: [named('bob'), named('alice')] });
    for (const headers of [bearer('alice').headers, { 'x-api-key': 'eg-alice' }]) {
      expect((await post('/v1/completions', ask, { headers })).status).toBe(200);
    }
  });

  test.each(['/health', '/v1/health', '/health/ready', '/health/', '/peer', '/console', '/console/main.js'])(
    'is not needed for %s',
    async (path) => {
      const { url } = await openKeyed({ keys: [] });
      expect((await fetch(url + path)).status).toBe(200);
    },
  );

  test.each([
    '/v1/models',
    '/models/x',
    '/metrics',
    '/v1/metrics/',
    '/metrics/engine',
    '/v1/%6detrics',
    '/shards',
    '/experts/heat',
    '/no/such/path',
    '/health/x',
    '/console/a/b',
    '/v1/console',
    '/Health',
  ])('is required for %s', async (path) => {
    const { url } = await openKeyed({ keys: [named('alice')] });
    expect((await fetch(url + path)).status).toBe(401);
  });

  test.each([
    '/metrics',
    '/metrics/engine',
    '/v1/metrics',
    '/v1/%6detrics',
    '/v1/shards',
    '/experts/heat',
    '/v1/experts/heat/',
  ])('must be an admin key for %s', async (path) => {
    const { url } = await openKeyed({ keys: [named('alice'), named('root', { admin: true })] });
    const refused = await fetch(url + path, bearer('alice'));
    expect(refused.status).toBe(403);
    const body: Pick<AnswerBody, 'error'> = JSON.parse(await refused.text());
    expect(body.error).toMatchObject({
      type: 'invalid_request_error',
      code: 'insufficient_permissions',
    });
    expect((await fetch(url + path, bearer('root'))).status).toBe(200);
  });

  test('is refused as soon as it is revoked, but its answers in progress are completed', async () => {
    const { url, post, held } = await openKeyed({ keys: [named('alice')], stepMs: 5 });
    const stream = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...ask, max_tokens: 40, stream: true }),
      ...bearer('alice'),
    });
    held.keys = [];
    expect((await post('/v1/completions', ask, bearer('alice'))).status).toBe(401);
    expect((await readEvents(stream)).done).toBe(true);
  });

  test('that is wrong, no admin key or over a limit makes OpenAI’s client throw its own errors', async () => {
    const room = await openKeyed({ keys: [named('alice', { rpm: 1 })] });
    await expect(clientOf(room, 'bob').models.list()).rejects.toBeInstanceOf(AuthenticationError);
    const alice = clientOf(room, 'alice');
    await expect(alice.get('/shards')).rejects.toBeInstanceOf(PermissionDeniedError);
    await alice.completions.create(ask);
    await expect(alice.completions.create(ask)).rejects.toBeInstanceOf(RateLimitError);
  });
});

describe('limits', () => {
  test('requests a minute: headers count down, and then a 429 has a retry time and the engine gets no request', async () => {
    const { post, engine } = await openKeyed({
      keys: [named('alice', { rpm: 2 }), named('bob', { rpm: 2 })],
    });
    const seen = [];
    for (let i = 0; i < 3; i++) seen.push(await post('/v1/completions', ask, bearer('alice')));
    expect(seen.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(seen.map(({ headers }) => headers.get('x-ratelimit-remaining-requests'))).toEqual(['1', '0', '0']);
    const { body, headers } = seen[2]!;
    expect(body.error).toMatchObject({ type: 'requests', param: null, code: 'rate_limit_exceeded' });
    const ms = Number(headers.get('retry-after-ms'));
    expect(ms).toBeGreaterThan(25_000);
    expect(Number(headers.get('retry-after'))).toBe(Math.ceil(ms / 1000));
    expect(headers.get('x-ratelimit-limit-requests')).toBe('2');
    expect(headers.get('x-ratelimit-reset-requests')).toMatch(/^(5\d(\.\d+)?s|1m0s)$/);
    expect(headers.has('x-ratelimit-limit-tokens')).toBe(false);
    expect(engine.requests.length).toBe(2);
    expect((await post('/v1/completions', ask, bearer('bob'))).status).toBe(200);
  });

  test('a client’s request counts even with the header that gateways add when they pass a request on', async () => {
    const { post } = await openKeyed({ keys: [named('alice', { rpm: 1 })] });
    const forged = { headers: { ...bearer('alice').headers, 'x-expertgrid-forwarded': 'a peer' } };
    expect((await post('/v1/completions', ask, forged)).status).toBe(200);
    expect((await post('/v1/completions', ask, forged)).status).toBe(429);
  });

  test('tokens a minute: the tokens of prompt and answer count, streamed or not', async () => {
    const { post, url, engine } = await openKeyed({ keys: [named('alice', { tpm: 100 })] });
    const prompt = Array<number>(30).fill(1);
    const first = await post('/v1/completions', { ...ask, prompt, max_tokens: 10 }, bearer('alice'));
    // On a slow machine, the bucket may have been refilled a little.
    const left = Number(first.headers.get('x-ratelimit-remaining-tokens'));
    expect(left).toBeGreaterThanOrEqual(60);
    expect(left).toBeLessThan(70);
    const body = JSON.stringify({ ...ask, prompt, max_tokens: 20, stream: true });
    const stream = await fetch(`${url}/v1/completions`, { method: 'POST', body, ...bearer('alice') });
    await stream.text();
    const refused = await post('/v1/completions', { ...ask, prompt }, bearer('alice'));
    expect(refused.status).toBe(429);
    expect(refused.body.error).toMatchObject({ type: 'tokens', code: 'rate_limit_exceeded' });
    expect(Number(refused.headers.get('x-ratelimit-remaining-tokens'))).toBeLessThan(25);
    expect(engine.requests.length).toBe(2);
  });

  test('the 429 of a prompt with more tokens than a full bucket says not to retry', async () => {
    const { post } = await openKeyed({ keys: [named('alice', { tpm: 10 })] });
    const answer = await post('/v1/completions', { ...ask, prompt: Array(11).fill(1) }, bearer('alice'));
    expect([answer.status, answer.headers.get('x-should-retry')]).toEqual([429, 'false']);
    expect(answer.headers.has('retry-after')).toBe(false);
  });

  test('concurrency: a stream counts until it ends, also if its reader leaves', async () => {
    const { url, post, engine } = await openKeyed({ keys: [named('alice', { concurrency: 1 })], stepMs: 5 });
    const leave = new AbortController();
    const body = JSON.stringify({ ...ask, max_tokens: 1_000, stream: true });
    const init = { method: 'POST', body, ...bearer('alice') };
    const stream = await fetch(`${url}/v1/completions`, { ...init, signal: leave.signal });
    expect(stream.status).toBe(200);
    const refused = await post('/v1/completions', ask, bearer('alice'));
    expect([refused.status, refused.body.error.code]).toEqual([429, 'rate_limit_exceeded']);
    expect(refused.headers.get('retry-after-ms')).toBe('1000');
    leave.abort();
    await until(() => engine.open === 0);
    await expect.poll(async () => (await post('/v1/completions', ask, bearer('alice'))).status).toBe(200);
  });

  test('a request that is refused for its body stops counting as a concurrent request', async () => {
    const { post } = await openKeyed({ keys: [named('alice', { concurrency: 1 })] });
    for (const body of ['{', { ...ask, temperature: 9 }, { ...ask, model: 'other' }]) {
      expect((await post('/v1/completions', body, bearer('alice'))).status).toBeGreaterThanOrEqual(400);
    }
    expect((await post('/v1/completions', ask, bearer('alice'))).status).toBe(200);
  });

  test('limits do not count requests for the list of models', async () => {
    const { url, post } = await openKeyed({ keys: [named('alice', { rpm: 1 })] });
    for (let i = 0; i < 3; i++) expect((await fetch(`${url}/v1/models`, bearer('alice'))).status).toBe(200);
    expect((await post('/v1/completions', ask, bearer('alice'))).status).toBe(200);
  });
});

const full: FakeEngineOptions['fail'] = {
  after: 0,
  error: { code: 'queue_full', message: 'the queue is full', retryable: true, retryAfterMs: 1_500 },
};

/** The last value is the retry time in seconds on a fast machine. Null: the answer has no retry time. */
type Refusal = [
  string,
  Partial<StoredKey>,
  Partial<RoomOptions>,
  string,
  number,
  string,
  string,
  number | null,
];

test.each<Refusal>([
  ['no request left', { rpm: 1 }, {}, '/v1/completions', 429, 'requests', 'rate_limit_exceeded', 60],
  ['too few tokens left', { tpm: 3 }, {}, '/v1/completions', 429, 'tokens', 'rate_limit_exceeded', 40],
  ['a full queue', {}, { fail: full }, '/v1/completions', 429, 'rate_limit_error', 'queue_full', 2],
  ['no such path', {}, {}, '/v1/none', 404, 'invalid_request_error', 'unknown_url', null],
  [
    'a POST to a path for admins',
    {},
    {},
    '/v1/shards',
    405,
    'invalid_request_error',
    'method_not_allowed',
    null,
  ],
])(
  '%s: status, type, code and retry time',
  async (_what, limits, options, path, status, type, code, wait) => {
    const { post } = await openKeyed({ keys: [named('alice', limits)], ...options });
    const prompt = [1, 2];
    await post(path, { ...ask, prompt, max_tokens: 1 }, bearer('alice'));
    const refused = await post(path, { ...ask, prompt }, bearer('alice'));
    expect(refused.status).toBe(status);
    expect(refused.body.error).toMatchObject({ type, code, param: null });
    const [seconds, ms] = ['retry-after', 'retry-after-ms'].map((name) => refused.headers.get(name));
    if (wait === null) return expect([seconds, ms]).toEqual([null, null]);
    expect(Number(seconds)).toBe(Math.ceil(Number(ms) / 1000));
    expect(wait - Number(seconds)).toBeOneOf([0, 1, 2, 3, 4, 5]);
  },
);

describe('cached prefixes', () => {
  const salts = async (options: KeyedOptions, asked: [name: string, cache_salt?: string][]) => {
    const { post, engine } = await openKeyed(options);
    for (const [name, cache_salt] of asked)
      await post('/v1/completions', { ...ask, cache_salt }, bearer(name));
    return engine.requests.map(({ cacheSalt }) => cacheSalt);
  };
  const keys = [named('alice'), named('bob')];

  test('are shared by the requests of one key', async () => {
    const [a, b, again] = await salts({ keys }, [['alice'], ['bob'], ['alice']]);
    expect(a).toBe(again);
    expect(a).not.toBe(b);
  });

  test('are shared by requests with the same salt, but not with a salt that names another key', async () => {
    const own = `key/${hashKey('eg-alice')}`;
    const [a, named1, named2, forged] = await salts({ keys }, [
      ['alice'],
      ['alice', 'ours'],
      ['bob', 'ours'],
      ['bob', own],
    ]);
    expect(named1).toBe(named2);
    expect(new Set([a, named1, forged]).size).toBe(3);
  });

  test('are shared by all tenants if the gateway allows it, except with different salts', async () => {
    const [a, b, apart] = await salts({ keys, sharedPrefix: true }, [['alice'], ['bob'], ['bob', 'x']]);
    expect(a).toBe(b);
    expect(apart).not.toBe(a);
  });

  test.each(['', 'x'.repeat(257), 7])('need a valid salt: %j is a 400', async (cache_salt) => {
    const { post } = await openRoom();
    const { status, body } = await post('/v1/completions', { ...ask, cache_salt });
    expect([status, body.error.param]).toEqual([400, 'cache_salt']);
  });
});

describe('usage', () => {
  test('is reported at the end of each request that was computed', async () => {
    const { post, url, usage } = await openKeyed({ keys: [named('alice', { rpm: 3 })], once: true });
    const headers = { ...bearer('alice').headers, 'x-request-id': 'mine' };
    const { body } = await post('/v1/completions', ask, { headers });
    const chat = { model: MODEL, messages: [{ role: 'user', content: 'hi' }], stream: true };
    const init = { method: 'POST', body: JSON.stringify(chat), ...bearer('alice') };
    await (await fetch(`${url}/v1/chat/completions`, init)).text();
    await post('/v1/completions', { ...ask, temperature: 9 }, bearer('alice'));
    await post('/v1/completions', ask, bearer('alice'));
    await until(() => usage.length === 2);
    expect(usage[0]).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      request: 'mine',
      key: 'alice',
      model: MODEL,
      endpoint: '/v1/completions',
      prompt_tokens: body.usage?.prompt_tokens,
      cached_tokens: 0,
      generated_tokens: body.usage?.completion_tokens,
      status: 200,
      ms: expect.any(Number),
    });
    expect(usage[1]).toMatchObject({ endpoint: '/v1/chat/completions', status: 200 });
  });

  test('is counted by key, and refusals by limit', async () => {
    const keys = [named('alice', { rpm: 1 }), named('root', { admin: true })];
    const { post, url, logs } = await openKeyed({ keys });
    for (let i = 0; i < 3; i++) await post('/v1/completions', ask, bearer('alice'));
    const page = await (await fetch(`${url}/metrics`, bearer('root'))).text();
    for (const line of [
      'expertgrid_key_requests_total{key="alice",status="200"} 1',
      'expertgrid_key_requests_total{key="alice",status="429"} 2',
      'expertgrid_key_refusals_total{key="alice",limit="requests"} 2',
      'expertgrid_key_tokens_total{key="alice",kind="generated"} 2',
    ]) {
      expect(page).toContain(`${line}\n`);
    }
    expect(logs.filter(({ key }) => key === 'alice')).toHaveLength(3);
    expect(JSON.stringify(logs)).not.toContain('eg-alice');
  });

  test('is reported without a key if there are no keys', async () => {
    const usage: UsageLine[] = [];
    const { post } = await openRoom({ api: { onUsage: (line) => usage.push(line) } });
    await post('/v1/completions', ask);
    expect(usage).toMatchObject([{ key: null, generated_tokens: 2 }]);
  });
});

describe('a web page', () => {
  const origin = 'https://app.example.com';
  const preflight = (url: string, from = origin) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-stainless-lang',
      },
    });
  const access = { keys: () => [named('alice')] };

  test('of a named origin may send a preflight without a key, and may read answers and errors', async () => {
    const { url, post } = await openRoom({ api: { access, corsOrigins: [origin] } });
    const asked = await preflight(url);
    expect(asked.status).toBe(204);
    expect(asked.headers.get('access-control-allow-origin')).toBe(origin);
    expect(asked.headers.get('access-control-allow-methods')).toContain('POST');
    expect(asked.headers.get('access-control-allow-headers')).toContain('x-stainless-lang');
    for (const name of ['alice', 'nobody']) {
      const headers = { ...bearer(name).headers, origin };
      const answer = await post('/v1/completions', ask, { headers });
      expect(answer.status).toBe(name === 'alice' ? 200 : 401);
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
      expect(answer.headers.get('access-control-expose-headers')).toContain('retry-after-ms');
      expect(answer.headers.get('vary')).toContain('Origin');
    }
    const headers = { ...bearer('alice').headers, origin };
    const body = JSON.stringify({ ...ask, stream: true });
    const stream = await fetch(`${url}/v1/completions`, { method: 'POST', body, headers });
    expect(stream.headers.get('access-control-allow-origin')).toBe(origin);
    expect((await readEvents(stream)).done).toBe(true);
  });

  test('of another origin may not send a preflight', async () => {
    const { url } = await openRoom({ api: { access, corsOrigins: [origin] } });
    const asked = await preflight(url, 'https://evil.example.com');
    expect(asked.headers.has('access-control-allow-origin')).toBe(false);
  });

  test('of any origin may call if all origins are allowed, and none may by default', async () => {
    const all = await openRoom({ api: { corsOrigins: ['*'] } });
    expect((await preflight(all.url)).headers.get('access-control-allow-origin')).toBe('*');
    const none = await openRoom();
    const asked = await preflight(none.url);
    expect([asked.status, asked.headers.has('access-control-allow-origin')]).toEqual([405, false]);
  });
});

test('only an admin key gets a priority below 0, but any key gets one above 0', async () => {
  const { post, engine } = await openKeyed({
    keys: [named('alice'), named('root', { admin: true })],
    once: true,
  });
  for (const name of ['alice', 'root']) {
    for (const priority of [-5, 5]) await post('/v1/completions', { ...ask, priority }, bearer(name));
  }
  expect(engine.requests.map(({ priority }) => priority)).toEqual([0, 5, -5, 5]);
});

test.each([
  [true, 97],
  [false, 91],
])(
  'a prompt counts once if its choices share the computation of the prompt (%s), otherwise once for each choice',
  async (sharesPrefixes, left) => {
    const keys = [named('alice', { tpm: 100 })];
    const { post } = await openKeyed({ keys, once: true, reply: () => [], sharesPrefixes });
    const { headers } = await post(
      '/v1/completions',
      { ...ask, prompt: [1, 2, 3], n: 3, max_tokens: 1 },
      bearer('alice'),
    );
    expect(headers.get('x-ratelimit-remaining-tokens')).toBe(String(left));
  },
);

test('a key is charged in the engine for the time of its texts and schemas on other threads', async () => {
  const { url, engine } = await openKeyed({ keys: [named('a'), named('b')] });
  // A fast machine may do the work of one request in less time than is worth a charge, so it adds up over several requests.
  for (let round = 0; round < 50 && !engine.charged.has('a'); round++) {
    const names = Array.from({ length: 300 }, (_, i) => [`p${round}_${i}`, { type: 'string' }]);
    const schema = { type: 'object', properties: Object.fromEntries(names), additionalProperties: false };
    const body = {
      ...ask,
      response_format: { type: 'json_schema', json_schema: { name: 'x', strict: false, schema } },
    };
    const init = {
      method: 'POST',
      ...bearer('a'),
      body: JSON.stringify({ ...body, prompt: 'word '.repeat(2_000) }),
    };
    await (await fetch(`${url}/v1/completions`, init)).text();
  }
  expect(engine.charged.get('a')).toBeGreaterThan(0);
  expect(engine.charged.has('b')).toBe(false);
});
