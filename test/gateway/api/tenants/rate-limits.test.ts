// The limits of API keys, and the headers and errors that report them.
import { expect, test } from 'vitest';
import type { StoredKey } from '../../../../gateway/api/tenants/keys.ts';
import { rateError } from '../../../../gateway/api/tenants/rate-answers.ts';
import { RateLimits, type Turn } from '../../../../gateway/api/tenants/rate-limits.ts';
import { formatDuration } from '../../../../tenancy/durations.ts';
import { rateHeaders } from '../../../../tenancy/rate-headers.ts';

const key = (limits: Partial<StoredKey>, name = 'alice'): StoredKey => {
  return { name, sha256: '0'.repeat(64), created: '2026-01-31T12:00:00.000Z', ...limits };
};

/** Limits on a clock that the test moves. */
function limitsAt(start = 0) {
  let now = start;
  const limits = new RateLimits(() => now);
  const begin = (of: StoredKey) => limits.begin(of);
  const read = (of: StoredKey) => limits.read(of);
  const turn = (of: StoredKey): Turn => {
    const begun = begin(of);
    if ('exceeded' in begun) throw new Error(`exceeded: ${begun.exceeded.kind}`);
    return begun.turn;
  };
  const pass = (ms: number) => {
    now += ms;
  };
  return { begin, read, turn, pass };
}

test('requests: the limit of a minute may be used at once and is then refilled evenly, for each key separately', () => {
  const { begin, turn, pass } = limitsAt();
  const alice = key({ rpm: 2 });
  turn(alice);
  turn(alice);
  expect(begin(alice)).toEqual({ exceeded: { kind: 'requests', limit: 2, asked: 1, retryMs: 30_000 } });
  turn(key({ rpm: 2 }, 'bob'));
  pass(30_000);
  turn(alice);
  expect(begin(alice)).toHaveProperty('exceeded');
});

test('concurrency: a request stops counting when it ends, and only once', () => {
  const { begin, turn } = limitsAt();
  const alice = key({ concurrency: 2 });
  const first = turn(alice);
  turn(alice);
  expect(begin(alice)).toMatchObject({ exceeded: { kind: 'concurrency', limit: 2 } });
  first.end();
  first.end();
  turn(alice);
  expect(begin(alice)).toHaveProperty('exceeded');
});

test('a request that concurrency refuses does not count as a request of the minute', () => {
  const { begin, turn, read } = limitsAt();
  const alice = key({ concurrency: 1, rpm: 5 });
  turn(alice);
  begin(alice);
  expect(read(alice).requests?.remaining).toBe(4);
});

test('tokens: a prompt needs enough tokens in the bucket, answers are counted as they are generated, and a bucket below zero must be refilled', () => {
  const { turn, read, pass } = limitsAt();
  const alice = key({ tpm: 600 });
  const first = turn(alice);
  expect(first.prompt(500)).toBeUndefined();
  expect(turn(alice).prompt(200)).toEqual({ kind: 'tokens', limit: 600, asked: 200, retryMs: 10_000 });
  expect(read(alice).tokens).toEqual({ limit: 600, remaining: 100, resetMs: 50_000 });
  for (let i = 0; i < 150; i++) first.generated(1);
  expect(read(alice).tokens).toEqual({ limit: 600, remaining: 0, resetMs: 65_000 });
  expect(turn(alice).prompt(0)).toMatchObject({ retryMs: 5_100 });
  pass(5_100);
  expect(turn(alice).prompt(1)).toBeUndefined();
});

test('a prompt with more tokens than a full bucket is refused with an infinite wait', () => {
  const { turn } = limitsAt();
  expect(turn(key({ tpm: 10 })).prompt(11)?.retryMs).toBe(Number.POSITIVE_INFINITY);
});

test('a key without limits is never refused and has no headers', () => {
  const { turn, read } = limitsAt();
  for (let i = 0; i < 1_000; i++) expect(turn(key({})).prompt(1e9)).toBeUndefined();
  expect(rateHeaders(read(key({})))).toEqual({});
});

test('headers have OpenAI’s names and formats', () => {
  const { turn, read } = limitsAt();
  const alice = key({ rpm: 60, tpm: 6_000 });
  turn(alice).prompt(36);
  expect(rateHeaders(read(alice))).toEqual({
    'x-ratelimit-limit-requests': '60',
    'x-ratelimit-remaining-requests': '59',
    'x-ratelimit-reset-requests': '1s',
    'x-ratelimit-limit-tokens': '6000',
    'x-ratelimit-remaining-tokens': '5964',
    'x-ratelimit-reset-tokens': '360ms',
  });
});

test.each([
  [0, '0s'],
  [0.2, '1ms'],
  [999, '999ms'],
  [1_000, '1s'],
  [1_500.5, '1.501s'],
  [59_999.7, '1m0s'],
  [360_000, '6m0s'],
  [361_250, '6m1.25s'],
  [3_600_000, '1h0m0s'],
  [3_661_000, '1h1m1s'],
])('%s ms are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test('an exceeded limit is a 429 with a retry time', () => {
  const { status, envelope, headers } = rateError('alice', {
    kind: 'tokens',
    limit: 600,
    asked: 200,
    retryMs: 10_200,
  });
  expect(status).toBe(429);
  expect(envelope.error).toEqual({
    message: "Rate limit reached for the key 'alice': 600 tokens a minute. Please try again in 10.2s.",
    type: 'tokens',
    param: null,
    code: 'rate_limit_exceeded',
  });
  expect(headers).toEqual({ 'x-should-retry': 'true', 'retry-after': '11', 'retry-after-ms': '10200' });
  const never = rateError('alice', {
    kind: 'tokens',
    limit: 600,
    asked: 700,
    retryMs: Number.POSITIVE_INFINITY,
  });
  expect(never.headers).toEqual({ 'x-should-retry': 'false' });
  expect(never.message).toContain('700');
});
