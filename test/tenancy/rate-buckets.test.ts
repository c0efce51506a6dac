// Properties of a limit per minute, checked over random sequences of requests.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Bucket, filled, fullBucket, readBucket, taken, waitFor } from '../../tenancy/rate-buckets.ts';

const seeded = { seed: 20_260, numRuns: 300 };
const limits = fc.integer({ min: 1, max: 100_000 });
/** For each request, the wait before it in milliseconds, and its amount as a share of the limit. */
const requests = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 30_000 }),
    share: fc.double({ min: 0, max: 1.2, noNaN: true }),
  }),
  { maxLength: 80 },
);

test('no period admits more than a full bucket and what was refilled in that period', () => {
  fc.assert(
    fc.property(limits, requests, (limit, asked) => {
      let bucket = fullBucket(limit, 0);
      let now = 0;
      const admitted: { at: number; amount: number }[] = [];
      for (const { afterMs, share } of asked) {
        now += afterMs;
        const amount = Math.ceil(share * limit);
        if (waitFor(bucket, amount, limit, now) > 0) continue;
        bucket = taken(bucket, amount, limit, now);
        admitted.push({ at: now, amount });
      }
      admitted.forEach((first, i) => {
        let sum = 0;
        for (const { at, amount } of admitted.slice(i)) {
          sum += amount;
          expect(sum).toBeLessThanOrEqual(limit + ((at - first.at) * limit) / 60_000 + 1e-3);
        }
      });
    }),
    seeded,
  );
});

test('the returned wait is sufficient, and a shorter one is not', () => {
  fc.assert(
    fc.property(limits, requests, fc.nat(1_000_000), (limit, asked, debt) => {
      let bucket = taken(fullBucket(limit, 0), debt, limit, 0);
      let now = 0;
      for (const { afterMs, share } of asked) {
        now += afterMs;
        const amount = Math.ceil(share * limit);
        const wait = waitFor(bucket, amount, limit, now);
        if (amount > limit) {
          expect(wait).toBe(Number.POSITIVE_INFINITY);
          continue;
        }
        expect(waitFor(bucket, amount, limit, now + wait)).toBe(0);
        if (wait > 1) expect(waitFor(bucket, amount, limit, now + wait - 1.1)).toBeGreaterThan(0);
        if (wait === 0) bucket = taken(bucket, amount, limit, now);
      }
    }),
    seeded,
  );
});

test('the remaining units may be taken at once, but not one more', () => {
  fc.assert(
    fc.property(limits, fc.nat(200_000), fc.nat(120_000), (limit, used, now) => {
      const bucket = taken(fullBucket(limit, 0), used, limit, 0);
      const { remaining, resetMs } = readBucket(bucket, limit, now);
      if (remaining > 0) expect(waitFor(bucket, remaining, limit, now)).toBe(0);
      expect(waitFor(bucket, remaining + 1, limit, now)).toBeGreaterThan(0);
      expect(readBucket(bucket, limit, now + resetMs).remaining).toBe(limit);
    }),
    seeded,
  );
});

test('a clock that goes back neither refills nor drains the bucket', () => {
  const bucket: Bucket = { level: 3, atMs: 50_000 };
  expect(filled(bucket, 60, 10_000)).toEqual(bucket);
  expect(filled(filled(bucket, 60, 10_000), 60, 51_000)).toEqual({ level: 4, atMs: 51_000 });
});

test('a lowered limit applies at once, and a raised limit only as the bucket is refilled', () => {
  const full = fullBucket(100, 0);
  expect(readBucket(full, 10, 0)).toEqual({ limit: 10, remaining: 10, resetMs: 0 });
  expect(readBucket(full, 6_000, 1_000)).toMatchObject({ remaining: 200 });
});
