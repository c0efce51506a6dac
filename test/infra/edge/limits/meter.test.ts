// Limits of keys, checked against sums over random sequences of requests.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type Limits, Meter, monthOf } from '../../../../infra/edge/limits/meter.ts';
import { limitError } from '../../../../infra/edge/limits/refusals.ts';

const none: Limits = { rpm: null, tpm: null, concurrency: null, budget: null };
const T = Date.UTC(2026, 11, 1, 12);

const steps = fc.array(
  fc.record({
    waitMs: fc.integer({ min: 0, max: 5_000 }),
    /** Reserves, or ends the open request with this index. */
    ends: fc.boolean(),
    index: fc.nat(20),
    most: fc.integer({ min: 0, max: 60 }),
    /** Share of the reservation that is really used. */
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { minLength: 1, maxLength: 120 },
);

test('used and reserved tokens never exceed the budget, and open requests never the concurrency', () => {
  const limits = { ...none, budget: 500, concurrency: 3, tpm: 400, rpm: 30 };
  const property = fc.property(steps, (sequence) => {
    const meter = new Meter();
    const open: { id: string; most: number }[] = [];
    let [now, used, id] = [T, 0, 0];
    for (const { waitMs, ends, index, most, share } of sequence) {
      now += waitMs;
      if (ends && open.length > 0) {
        const [ended] = open.splice(index % open.length, 1);
        const tokens = Math.floor(share * ended!.most);
        expect(meter.settle(ended!.id, { tokens, limits, now })).toBe(true);
        expect(meter.settle(ended!.id, { tokens, limits, now })).toBe(false);
        used += tokens;
      } else {
        const name = String(id++);
        const exceeded = meter.reserve(name, { tokens: most, limits, now });
        if (exceeded === undefined) open.push({ id: name, most });
        else expect(exceeded.retryMs).toBeGreaterThan(0);
      }
      const reserved = open.reduce((sum, { most: tokens }) => sum + tokens, 0);
      expect(meter.budgetAt(now)).toEqual({ used, reserved });
      expect(used + reserved).toBeLessThanOrEqual(500);
      expect(open.length).toBeLessThanOrEqual(3);
      expect(meter.read(limits, now).tokens?.remaining).toBeGreaterThanOrEqual(0);
    }
  });
  fc.assert(property, { seed: 16, numRuns: 300 });
});

test('a request that waits as long as it was told gets in, unless the concurrency or open requests stand in the way', () => {
  const limits = { ...none, tpm: 1_000, rpm: 20 };
  const property = fc.property(steps, (sequence) => {
    const meter = new Meter();
    let now = T;
    for (const [id, { waitMs, most }] of sequence.entries()) {
      now += waitMs;
      const exceeded = meter.reserve(String(id), { tokens: 10 * most, limits, now });
      if (exceeded === undefined) continue;
      now += exceeded.retryMs;
      expect(meter.reserve(`${id} again`, { tokens: 10 * most, limits, now })?.kind).not.toBe(exceeded.kind);
    }
  });
  fc.assert(property, { seed: 16, numRuns: 200 });
});

test('the state survives as JSON, together with the open requests', () => {
  const limits = { ...none, budget: 100, tpm: 100, rpm: 10 };
  const meter = new Meter();
  meter.reserve('a', { tokens: 30, limits, now: T });
  meter.reserve('b', { tokens: 20, limits, now: T });
  meter.settle('b', { tokens: 5, limits, now: T + 1 });
  const copy = new Meter(JSON.parse(JSON.stringify(meter.state)), meter.open);
  expect(copy.budgetAt(T + 1)).toEqual({ used: 5, reserved: 30 });
  expect(copy.read(limits, T + 1)).toEqual(meter.read(limits, T + 1));
  expect(copy.settle('a', { tokens: 30, limits, now: T + 2 })).toBe(true);
  expect(copy.budgetAt(T + 2)).toEqual({ used: 35, reserved: 0 });
});

test('a new month begins with the whole budget, and a request counts in the month in which it began', () => {
  const limits = { ...none, budget: 100 };
  const end = Date.UTC(2026, 11, 31, 23, 59, 59);
  const meter = new Meter();
  meter.reserve('old', { tokens: 80, limits, now: end });
  const refused = meter.reserve('more', { tokens: 30, limits, now: end });
  expect(refused).toMatchObject({ kind: 'budget', left: 20, retryMs: 1_000 });
  expect(meter.reserve('new', { tokens: 90, limits, now: end + 2_000 })).toBeUndefined();
  meter.settle('old', { tokens: 70, limits, now: end + 3_000 });
  expect(meter.budgetAt(end + 3_000)).toEqual({ used: 0, reserved: 90 });
  meter.settle('new', { tokens: 60, limits, now: end + 4_000 });
  expect(meter.budgetAt(end + 4_000)).toEqual({ used: 60, reserved: 0 });
  const next = meter.reserve('next', { tokens: 50, limits, now: end + 4_000 });
  expect(monthOf(end + 4_000 + (next?.retryMs ?? 0))).toBe('2027-02');
});

test('a corrected reservation gives tokens back at once', () => {
  const limits = { ...none, budget: 100, tpm: 100 };
  const meter = new Meter();
  meter.reserve('a', { tokens: 90, limits, now: T });
  meter.correct('a', { tokens: 40, limits, now: T });
  meter.correct('a', { tokens: 95, limits, now: T });
  meter.correct('unknown', { tokens: 1, limits, now: T });
  expect(meter.budgetAt(T)).toEqual({ used: 0, reserved: 40 });
  expect(meter.reserve('b', { tokens: 60, limits, now: T })).toBeUndefined();
});

test('a request that uses no tokens, and a settlement without limits, leave the tokens of the minute as they are', () => {
  const limits = { ...none, tpm: 100, rpm: 10 };
  const meter = new Meter();
  meter.reserve('a', { tokens: 90, limits, now: T });
  meter.reserve('b', { tokens: 10, limits, now: T });
  meter.settle('a', { tokens: 90, limits, now: T });
  expect(meter.pass(limits, T)).toBeUndefined();
  expect(meter.read(limits, T)).toMatchObject({ requests: { remaining: 7 }, tokens: { remaining: 0 } });
  meter.settle('b', { tokens: 10, limits: none, now: T });
  expect(meter.read(limits, T)).toMatchObject({ requests: { remaining: 7 }, tokens: { remaining: 0 } });
});

describe('the error of a limit', () => {
  const error = (kind: 'requests' | 'tokens' | 'concurrency' | 'budget', retryMs: number, left?: number) =>
    limitError(
      'team',
      { kind, limit: 100, asked: 90, retryMs, ...(left !== undefined && { left }) },
      { promptTokens: 60, answerTokens: 30 },
    );

  it('says what the request needs, what is left, and when to try again', () => {
    expect(error('tokens', 1_500)).toEqual({
      status: 429,
      type: 'tokens',
      code: 'rate_limit_exceeded',
      message:
        "Rate limit reached for the key 'team': 100 tokens a minute. The request may use 90: up to 60 for its prompt and 30 for its answer. Please try again in 1.5s.",
      headers: { 'x-should-retry': 'true', 'retry-after': '2', 'retry-after-ms': '1500' },
    });
    expect(error('budget', 86_400_000, 20)).toMatchObject({
      type: 'insufficient_quota',
      message: expect.stringMatching(
        /100 tokens a month\. .*, and 20 are left\. Please try again in 24h0m0s\.$/,
      ),
      headers: { 'x-should-retry': 'false', 'retry-after': '86400' },
    });
  });

  it('says that waiting does not help if the request exceeds the limit itself', () => {
    const { message, headers } = error('tokens', Number.POSITIVE_INFINITY);
    expect(message).toMatch(/send a shorter prompt, or a lower max_tokens\.$/);
    expect(headers).toEqual({ 'x-should-retry': 'false' });
  });
});
