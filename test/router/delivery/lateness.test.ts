import { MessageChannel } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lateness } from '../../../router/delivery/hedge.ts';
import { wait } from '../../../router/delivery/inquiry.ts';
import { Quantile } from '../../../router/delivery/latency.ts';

function lateAfter(ms: number): Quantile {
  const late = new Quantile(0.95);
  for (let i = 0; i < 3_000; i++) late.learn(ms);
  return late;
}

test('a call is late after 50 ms and lost after 400 ms until calls were timed', () => {
  expect(lateness({ late: new Quantile(0.95) })).toEqual({ lateMs: 50, lostMs: 400 });
});

test('a call is late after a time that few calls exceed, and lost after eight times this time', () => {
  const { lateMs, lostMs } = lateness({ late: lateAfter(10) });
  expect(lateMs).toBeCloseTo(10, 0);
  expect(lostMs / 80).toBeCloseTo(1, 1);
});

test('a call is late after at least 1.5 ms and lost after at least 40 ms, however fast calls are', () => {
  expect(lateness({ late: lateAfter(0.1) })).toEqual({ lateMs: 1.5, lostMs: 40 });
});

test('a call never counts as lost before it is late, and the time until it is late grows with the quantile', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 1e5, noNaN: true }), (ms) => {
      const { lateMs, lostMs } = lateness({ late: lateAfter(ms) });
      expect(lostMs).toBeGreaterThanOrEqual(lateMs);
      expect(lateMs).toBeGreaterThan(0.9 * ms);
      expect(lateness({ late: lateAfter(2 * ms) }).lateMs).toBeGreaterThanOrEqual(lateMs);
    }),
    { seed: 6, numRuns: 50 },
  );
});

test('a wait for a call resolves when its time has passed', async () => {
  const startedAt = performance.now();
  expect(await wait(15, new Promise(() => {}))).toBeUndefined();
  expect(performance.now() - startedAt).toBeGreaterThan(14);
});

test.each([
  ['answered', async () => 1],
  [
    'failed',
    async () => {
      throw new Error('failed');
    },
  ],
])('a wait for a call that has %s never resolves', async (_name, call) => {
  let ended = false;
  void wait(5, call()).then(() => {
    ended = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 25));
  expect(ended).toBe(false);
});

test('an answer that is in the socket when a blocked thread continues is not late', async () => {
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise<unknown>((resolve) => {
    port2.once('message', resolve);
  });
  const first = Promise.race([answer, wait(5, answer)]);
  port1.postMessage('there');
  const until = performance.now() + 20;
  while (performance.now() < until);
  expect(await first).toBe('there');
  port1.close();
});
