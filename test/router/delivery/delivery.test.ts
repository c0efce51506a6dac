import { getEventListeners } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { dispatch } from '../../../router/dispatch.ts';
import type { Fleet } from '../../../router/fleet.ts';
import { socketMember } from '../../../router/shards/member.ts';
import { RpcError, type RpcErrorCode } from '../../../rpc/errors.ts';
import { listen } from '../../../rpc/socket/server.ts';
import type { HandlerContext } from '../../../rpc/transport.ts';
import { startRelay } from '../../support/network/relay.ts';
import {
  type Change,
  createTestShard,
  expectRight,
  failing,
  fleetOf,
  hanging,
  heldUntil,
  lying,
  memberOf,
  model,
  noted,
  rowFor,
  serve,
  slow,
  socketOf,
  stateOf,
  step,
  unitsOf,
} from '../shards.ts';

const { hidden } = model;
const hedging = { hedgeBudget: 0.05 };

async function twoShards() {
  return [await createTestShard(), await createTestShard()] as const;
}

function callsOf(fleet: Fleet): Record<string, number> {
  return Object.fromEntries(fleet.status().map(({ address, counters }) => [address, counters.calls]));
}

describe('if one replica fails, another answers with the same bits', () => {
  const codes: RpcErrorCode[] = [
    'unavailable',
    'draining',
    'not_held',
    'busy',
    'internal',
    'invalid',
    'incompatible',
  ];
  test.each(codes)('after the error %s', async (code) => {
    const [a, b] = await twoShards();
    const fleet = await fleetOf([memberOf('a', a, failing(code)), memberOf('b', b)]);
    const asked = step(20, 3);
    await expectRight(asked, await dispatch({ fleet, ...asked }));
    expect(callsOf(fleet)).toEqual({ a: 1, b: 1 });
    expect(fleet.calls).toMatchObject({ retried: 1, hedged: 0 });
    expect(stateOf(fleet, 'a')).toBe(code === 'internal' ? 'cordoned' : 'available');
  });

  test('after a number that is not finite, and the shard is cordoned and not called again', async () => {
    const [a, b] = await twoShards();
    const log: string[] = [];
    const nan = lying((rows) => rows.fill(Number.NaN, 5, 6));
    const fleet = await fleetOf([memberOf('a', a, nan), memberOf('b', b)], {
      log: (_, line) => log.push(line),
    });
    const asked = step(3, 2);
    for (let i = 0; i < 3; i++) await expectRight(asked, await dispatch({ fleet, ...asked }));
    expect(callsOf(fleet)).toEqual({ a: 1, b: 3 });
    expect(stateOf(fleet, 'a')).toBe('cordoned');
    expect(fleet.counters.cordons).toBe(1);
    expect(log.join()).toMatch(
      /shard a is cordoned for 0\.25 s: .*expert \d of layer 1 gave a number that is not finite/,
    );
  });

  test('after an answer of the wrong size, and the shard is cordoned', async () => {
    const [a, b] = await twoShards();
    const short = () => async () => ({ rows: new Uint8Array(4), runMs: 0, queueMs: 0 });
    const fleet = await fleetOf([memberOf('a', a, short), memberOf('b', b)]);
    await expectRight(rowFor(2), await dispatch({ fleet, ...rowFor(2) }));
    expect(stateOf(fleet, 'a')).toBe('cordoned');
  });

  test('after the connection breaks during the call', async () => {
    const [a, b] = await twoShards();
    const seen: HandlerContext[] = [];
    const relay = await startRelay({ to: (await serve(a, hanging(seen))).address });
    onTestFinished(() => relay.close());
    const fleet = await fleetOf([socketMember(relay.address), socketOf(await serve(b))]);
    const asked = step(20, 3);
    const pending = dispatch({ fleet, ...asked });
    await expect.poll(() => seen.length).toBe(1);
    relay.cut();
    await expectRight(asked, await pending);
    expect(fleet.calls).toMatchObject({ retried: 1, hedged: 0 });
  });

  test('after the shard leaves service during the call', async () => {
    const [a, b] = await twoShards();
    const seen: HandlerContext[] = [];
    const leaving = await serve(a, hanging(seen));
    const fleet = await fleetOf([socketOf(leaving), socketOf(await serve(b))]);
    const pending = dispatch({ fleet, ...rowFor(1) });
    await expect.poll(() => seen.length).toBe(1);
    await leaving.close({ graceMs: 0 });
    await expectRight(rowFor(1), await pending);
  });

  test('and a frame is split among several shards if no other shard holds all its experts', async () => {
    const whole = await createTestShard();
    const left = await createTestShard({ units: unitsOf([0, 1, 2]) });
    const right = await createTestShard({ units: unitsOf([2, 3, 4, 5]) });
    const fleet = await fleetOf([
      memberOf('whole', whole, failing('unavailable')),
      memberOf('left', left),
      memberOf('right', right),
    ]);
    const asked = step(40, 3);
    await expectRight(asked, await dispatch({ fleet, ...asked }));
    expect(callsOf(fleet)).toEqual({ whole: 1, left: 1, right: 1 });
  });

  test('and the third replica is called if two have failed', async () => {
    const [a, b] = await twoShards();
    const c = await createTestShard();
    const fleet = await fleetOf([
      memberOf('a', a, failing('unavailable')),
      memberOf('b', b, failing('draining')),
      memberOf('c', c),
    ]);
    await expectRight(rowFor(4), await dispatch({ fleet, ...rowFor(4) }));
    expect(fleet.calls.retried).toBe(2);
  });
});

describe('busy shards', () => {
  test('are called again after their retryAfterMs if all replicas are busy', async () => {
    const [a, b] = await twoShards();
    const busy = () => failing('busy', { times: 1, retryAfterMs: 30 });
    const fleet = await fleetOf([memberOf('a', a, busy()), memberOf('b', b, busy())]);
    const startedAt = performance.now();
    await expectRight(rowFor(0), await dispatch({ fleet, ...rowFor(0) }));
    expect(performance.now() - startedAt).toBeGreaterThan(29);
    expect(fleet.counters.calls).toBe(3);
  });

  test('fail the row with their retryAfterMs if the deadline comes first', async () => {
    const [a, b] = await twoShards();
    const busy = failing('busy', { retryAfterMs: 50 });
    const fleet = await fleetOf([memberOf('a', a, busy), memberOf('b', b, busy)]);
    const { failed, answers } = await dispatch({ fleet, ...rowFor(0), deadlineMs: 90 });
    expect(failed.get(0)).toMatchObject({ code: 'busy', retryable: true, retryAfterMs: 50 });
    expect(answers).toEqual(new Float32Array(hidden));
  });

  test('do not delay a row if another replica can answer again', async () => {
    const [a, b] = await twoShards();
    const fleet = await fleetOf([
      memberOf('a', a, failing('unavailable', { times: 1 })),
      memberOf('b', b, failing('busy', { retryAfterMs: 10 })),
    ]);
    await expectRight(rowFor(0), await dispatch({ fleet, ...rowFor(0), deadlineMs: 60_000 }));
  });

  test('only the row that no shard can answer fails, and only one shard is cordoned, for a short time', async () => {
    const [a, b] = await twoShards();
    const poisoned: Change = (real) => async (params, context) => {
      const { rows } = params;
      const floats = rows instanceof Uint8Array ? new Float32Array(rows.slice().buffer) : new Float32Array();
      if (floats.includes(1e30)) throw new RpcError('internal', 'gave a number that is not finite');
      return real(params, context);
    };
    const fleet = await fleetOf([memberOf('a', a, poisoned), memberOf('b', b, poisoned)]);
    const asked = step(4, 1);
    const whole = await dispatch({ fleet, ...asked });
    const x = asked.x.slice();
    x[2 * model.hidden] = 1e30;
    const { answers, failed } = await dispatch({ fleet, ...asked, x });
    expect([...failed.keys()]).toEqual([2]);
    expect(failed.get(2)).toMatchObject({ code: 'internal' });
    for (const row of [0, 1, 3]) {
      const of = (from: Float32Array) => from.slice(row * model.hidden, (row + 1) * model.hidden);
      expect(of(answers)).toEqual(of(whole.answers));
    }
    const states = ['a', 'b'].map((name) => stateOf(fleet, name));
    expect(states.toSorted()).toEqual(['available', 'cordoned']);
    expect(fleet.counters.cordons).toBe(1);
    expect(await fleet.until(() => stateOf(fleet, 'a') === 'available', 60_000)).toBe(true);
  });
});

describe('a late call', () => {
  test('is sent to one other replica; the first answer is used and the other call is cancelled', async () => {
    const [a, b] = await twoShards();
    const seen: HandlerContext[] = [];
    const fleet = await fleetOf([socketOf(await serve(a, hanging(seen))), socketOf(await serve(b))], {
      policy: hedging,
    });
    const asked = step(9, 2);
    await expectRight(asked, await dispatch({ fleet, ...asked }));
    expect(fleet.calls).toMatchObject({ hedged: 1, hedgeWins: 1, retried: 0 });
    await expect.poll(() => seen[0]?.aborted).toBe(true);
    expect(fleet.counters.failures).toBe(0);
    expect(fleet.status().map(({ inFlight }) => inFlight)).toEqual([0, 0]);
  });

  test('may still be answered first, and then the hedge is cancelled', async () => {
    const [a, b] = await twoShards();
    const seen: HandlerContext[] = [];
    const fleet = await fleetOf(
      [
        memberOf(
          'a',
          a,
          heldUntil(() => seen.length === 1),
        ),
        memberOf('b', b, hanging(seen)),
      ],
      { policy: hedging },
    );
    await expectRight(rowFor(0), await dispatch({ fleet, ...rowFor(0) }));
    expect(fleet.calls).toMatchObject({ hedged: 1, hedgeWins: 0 });
    expect(seen).toHaveLength(1);
    await expect.poll(() => seen[0]?.aborted).toBe(true);
  });

  test('is sent again only when it counts as lost, if there is no hedge budget', async () => {
    const [a, b] = await twoShards();
    const fleet = await fleetOf([memberOf('a', a, hanging()), memberOf('b', b)]);
    const startedAt = performance.now();
    await expectRight(rowFor(0), await dispatch({ fleet, ...rowFor(0) }));
    expect(performance.now() - startedAt).toBeGreaterThan(79);
    expect(fleet.calls).toMatchObject({ hedged: 0, hedgeWins: 0, retried: 1 });
  });

  test('is sent to no other shard if there is no other replica', async () => {
    const only = await createTestShard({ units: unitsOf([0, 1, 2]) });
    const rest = await createTestShard({ units: unitsOf([2, 3, 4, 5]) });
    const seen: HandlerContext[] = [];
    const fleet = await fleetOf([memberOf('only', only, slow(130)), memberOf('rest', rest, hanging(seen))], {
      policy: hedging,
    });
    await expectRight(rowFor(1), await dispatch({ fleet, ...rowFor(1) }));
    expect(fleet.calls).toMatchObject({ hedged: 0, retried: 0 });
    expect(seen).toEqual([]);
  });

  test('causes no other call if it is answered in time', async () => {
    const [a, b] = await twoShards();
    const fleet = await fleetOf([memberOf('a', a), memberOf('b', b)], { policy: hedging });
    for (let i = 0; i < 100; i++) fleet.latencies.decode.late.learn(1_000);
    for (let i = 0; i < 20; i++) await dispatch({ fleet, ...step(4, 2, i) });
    expect(fleet.counters.calls).toBe(20);
    expect(fleet.calls).toMatchObject({ hedged: 0, retried: 0 });
  });

  test('causes no more hedges than the budget allows, even if one replica is always late', async () => {
    const [a, b] = await twoShards();
    const fleet = await fleetOf([memberOf('a', a, slow(8)), memberOf('b', b, slow(8))], { policy: hedging });
    for (let i = 0; i < 3_000; i++) fleet.latencies.decode.late.learn(1);
    for (let i = 0; i < 25; i++) await dispatch({ fleet, ...rowFor(0) });
    expect(fleet.calls.hedged).toBeGreaterThan(0);
    expect(fleet.calls.hedged).toBeLessThanOrEqual(1 + 0.05 * 27);
  });

  test('that returns a number that is not finite cordons its shard although the call was hedged', async () => {
    const [a, b] = await twoShards();
    const nan = lying((rows) => rows.fill(Number.NaN));
    let isSent = false;
    const sent = noted(() => {
      isSent = true;
    });
    const fleet: Fleet = await fleetOf(
      [
        memberOf('a', a, (real) => heldUntil(() => isSent)(nan(real))),
        memberOf('b', b, (real) => sent(heldUntil(() => stateOf(fleet, 'a') === 'cordoned')(real))),
      ],
      { policy: hedging },
    );
    await expectRight(rowFor(0), await dispatch({ fleet, ...rowFor(0) }));
    expect(fleet.calls.hedged).toBe(1);
    expect(stateOf(fleet, 'a')).toBe('cordoned');
  });

  test('is sent again to another replica that was busy at first', async () => {
    const [a, b] = await twoShards();
    const fleet = await fleetOf(
      [memberOf('a', a, hanging()), memberOf('b', b, failing('busy', { times: 1, retryAfterMs: 10 }))],
      { policy: hedging },
    );
    await expectRight(rowFor(0), await dispatch({ fleet, ...rowFor(0), deadlineMs: 60_000 }));
  });

  test('is answered if both replicas fail and come back', async () => {
    const [a, b] = await twoShards();
    const lateAndLost = failing('unavailable', { times: 1 });
    const fleet = await fleetOf(
      [
        memberOf('a', a, (real) => {
          const lost = lateAndLost(real);
          return async (...args) => {
            await new Promise((resolve) => setTimeout(resolve, 50));
            return lost(...args);
          };
        }),
        memberOf('b', b, failing('unavailable', { times: 1 })),
      ],
      { policy: { ...hedging, patienceMs: 2_000 } },
    );
    await expectRight(rowFor(0), await dispatch({ fleet, ...rowFor(0), deadlineMs: 60_000 }));
  });

  test('counts as no hedge win if no replica answers it', async () => {
    const [a, b] = await twoShards();
    const fleet = await fleetOf([memberOf('a', a, hanging()), memberOf('b', b, hanging())], {
      policy: hedging,
    });
    const { failed } = await dispatch({ fleet, ...rowFor(0), deadlineMs: 150 });
    expect(failed.get(0)).toMatchObject({ code: 'deadline', retryable: true });
    expect(fleet.calls).toMatchObject({ hedged: 1, hedgeWins: 0 });
  });

  test('does not step down the ladder if its hedge fails', async () => {
    const [a, b] = await twoShards();
    let [turn, sent] = [0, 0];
    const late = heldUntil(() => sent >= turn);
    const fleet = await fleetOf(
      [
        memberOf('a', a, (real) => noted(() => turn++)(late(real))),
        memberOf('b', b, (real) => noted(() => sent++)(failing('unavailable')(real))),
      ],
      { policy: hedging },
    );
    const asked = rowFor(0);
    const ranked = () => [3, 4, 5].map((expert) => ({ expert, weight: 0.5 }));
    for (const level of [3, 4]) {
      const given = await dispatch({ fleet, ...asked, ladder: Uint8Array.of(level), ranked });
      await expectRight(asked, given);
      expect(given.degraded).toEqual([]);
      expect([...asked.assignment.experts]).toEqual([0]);
    }
    expect(fleet.calls.hedged + fleet.calls.retried).toBeGreaterThanOrEqual(2);
  });
});

describe('a shard that alone holds an expert', () => {
  test('answers if it comes back in time, also at another port', async () => {
    const only = await createTestShard();
    const seen: HandlerContext[] = [];
    const first = await serve(only, hanging(seen));
    const relay = await startRelay({ to: first.address });
    onTestFinished(() => relay.close());
    const fleet = await fleetOf([socketMember(relay.address)], { policy: { patienceMs: 5_000 } });
    const pending = dispatch({ fleet, ...rowFor(3) });
    await expect.poll(() => seen.length).toBe(1);
    relay.retarget((await serve(only)).address);
    relay.cut();
    await expectRight(rowFor(3), await pending);
  });

  test('fails the row with an error that names expert and layer if it is not back when patience ends', async () => {
    const only = await createTestShard();
    const seen: HandlerContext[] = [];
    const server = await listen({
      handlers: {
        ...only.service.handlers,
        'expert.run': hanging(seen)(only.service.handlers['expert.run']!),
      },
    });
    const fleet = await fleetOf([socketOf(server)], { policy: { patienceMs: 120 } });
    const startedAt = performance.now();
    const pending = dispatch({ fleet, ...rowFor(3) });
    await expect.poll(() => seen.length).toBe(1);
    await server.close({ graceMs: 0 });
    const { failed } = await pending;
    expect(failed.get(0)).toMatchObject({
      code: 'unavailable',
      message: 'no connected shard holds expert 3 of layer 1',
    });
    expect(performance.now() - startedAt).toBeGreaterThan(119);
    expect(performance.now() - startedAt).toBeLessThan(9_000); // the deadline is 10 s
  });

  test('answers when it is back, even if another shard stays away', async () => {
    const back = await createTestShard({ units: unitsOf([0, 1, 2]) });
    const gone = await createTestShard({ units: unitsOf([3, 4, 5]) });
    const [behindBack, behindGone] = [await serve(back), await serve(gone)];
    const [toBack, toGone] = await Promise.all(
      [behindBack, behindGone].map(({ address }) => startRelay({ to: address })),
    );
    onTestFinished(() => toBack!.close());
    const fleet = await fleetOf([socketMember(toBack!.address), socketMember(toGone!.address)], {
      policy: { patienceMs: 1_500 },
    });
    await toGone!.close();
    await expect.poll(() => fleet.ready).toBe(false);
    toBack!.cut();
    const asked = step(24, 1);
    const { failed } = await dispatch({ fleet, ...asked });
    const lost = [...asked.assignment.experts].flatMap((expert, row) => (expert > 2 ? [row] : []));
    expect([...failed.keys()].sort((x, y) => x - y)).toEqual(lost);
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.length).toBeLessThan(24);
  });

  test('fails the row at once if its answer is wrong', async () => {
    const only = await createTestShard();
    const nan = lying((rows) => rows.fill(Number.NaN));
    const fleet = await fleetOf([memberOf('only', only, nan)], { policy: { patienceMs: 5_000 } });
    const { failed } = await dispatch({ fleet, ...rowFor(2) });
    expect(failed.get(0)).toMatchObject({ code: 'internal' });
    expect(failed.get(0)?.message).toContain('expert 2 of layer 1 gave a number that is not finite');
  });

  test('is not called again after the deadline', async () => {
    const fleet = await fleetOf([memberOf('a', await createTestShard(), hanging())]);
    const { failed } = await dispatch({ fleet, ...rowFor(2), deadlineMs: 30 });
    expect(failed.get(0)).toMatchObject({ code: 'deadline' });
    expect(fleet.counters).toMatchObject({ calls: 1, failures: 1 });
    expect(fleet.calls.retried).toBe(0);
  });
});

describe('a caller that gives up ends everything', () => {
  /** Aborts the call when `when` becomes true. Resolves to the milliseconds from the abort to the end of the call. */
  async function abortWhen(fleet: Fleet, when: () => boolean): Promise<number> {
    const controller = new AbortController();
    const { signal } = controller;
    const before = timers();
    const pending = dispatch({ fleet, ...rowFor(0), signal, deadlineMs: 60_000 });
    await expect.poll(when, { interval: 2 }).toBe(true);
    expect(getEventListeners(signal, 'abort').length).toBeGreaterThan(0);
    const abortedAt = performance.now();
    controller.abort();
    const { failed } = await pending;
    expect([...failed.keys()]).toEqual([0]);
    expect(fleet.status().every(({ inFlight }) => inFlight === 0)).toBe(true);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(timers()).toBeLessThanOrEqual(before);
    return performance.now() - abortedAt;
  }

  /** Number of timers that keep this process alive. */
  function timers(): number {
    return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  }

  test('if a call and its hedge are under way', async () => {
    const [a, b] = await twoShards();
    const seen: HandlerContext[] = [];
    const members = [memberOf('a', a, hanging(seen)), memberOf('b', b, hanging(seen))];
    const fleet = await fleetOf(members, { policy: hedging });
    expect(await abortWhen(fleet, () => seen.length === 2)).toBeLessThan(10_000);
    await expect.poll(() => seen.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(fleet.counters.failures).toBe(0);
  });

  test('if the row waits for a busy shard', async () => {
    const busy = failing('busy', { retryAfterMs: 20_000 });
    const fleet = await fleetOf([memberOf('a', await createTestShard(), busy)]);
    expect(await abortWhen(fleet, () => fleet.counters.failures === 1)).toBeLessThan(10_000);
  });

  test('if the row waits for a lost shard', async () => {
    const server = await serve(await createTestShard());
    const fleet = await fleetOf([socketOf(server)], { policy: { patienceMs: 20_000 } });
    await server.close({ graceMs: 0 });
    await expect.poll(() => fleet.ready).toBe(false);
    let looked = 0;
    setTimeout(() => looked++, 60).unref();
    expect(await abortWhen(fleet, () => looked > 0)).toBeLessThan(10_000);
  });
});
