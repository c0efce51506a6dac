import { describe, expect, test } from 'vitest';
import { combine } from '../../router/combine.ts';
import { type Rung, rungLevel } from '../../router/delivery/ladder.ts';
import type { DispatchOptions } from '../../router/delivery/ledger.ts';
import { dispatch } from '../../router/dispatch.ts';
import { Fleet } from '../../router/fleet.ts';
import { select, standIns } from '../../router/selection.ts';
import type { Member } from '../../router/shards/member.ts';
import { openLocalTransport } from '../../rpc/local.ts';
import { createPlainExpertDevice } from '../support/engines/plain-expert-device.ts';
import { normal } from '../support/random.ts';
import {
  bits,
  createTestShard,
  expectRight,
  failing,
  fleetOf,
  hanging,
  lying,
  memberOf,
  model,
  rowFor,
  serve,
  slow,
  socketOf,
  stateOf,
  step,
  strict,
  unitsOf,
} from './shards.ts';

const { hidden, experts } = model;
const everyExpert = [0, 1, 2, 3, 4, 5];

/** A shard of another numerics class. Its weights have another seed, so that a test can tell its answers apart. */
async function shardOf(numericsClass: string, chosen = everyExpert, standby = false) {
  const device = createPlainExpertDevice({ hidden, inner: 5, seed: standby ? 3 : 2, numericsClass });
  const units = unitsOf(chosen);
  await device.load(units);
  return createTestShard({ device, units, model: { ...model, standby } });
}

function callsOf(fleet: Fleet): Record<string, number> {
  return Object.fromEntries(fleet.status().map(({ address, counters }) => [address, counters.calls]));
}

/** A step whose rows allow `rung`. */
function allowing(rung: Rung | undefined, rows: number, k: number, seed = 1, prototypes?: number) {
  const next = normal(seed);
  const x = Float32Array.from({ length: rows * hidden }, next);
  const scores = Float32Array.from({ length: rows * experts }, next);
  const plain = { score: 'softmax', renormalise: true, scale: 1, k } as const;
  const rule = prototypes === undefined ? plain : { ...plain, renormalise: false, prototypes };
  const asked: Omit<DispatchOptions, 'fleet'> = {
    model: model.identity,
    layer: 1,
    x,
    hidden,
    assignment: select(scores, experts, rule),
    deadlineMs: 10_000,
    ladder: new Uint8Array(rows).fill(rungLevel(rung)),
    ranked: (row, expert) => standIns(scores.subarray(row * experts, (row + 1) * experts), rule, expert),
  };
  return asked;
}

function chosen({ assignment }: Pick<DispatchOptions, 'assignment'>, row: number): number[] {
  return [...assignment.experts.subarray(row * assignment.k, (row + 1) * assignment.k)];
}

describe('members that come and go', () => {
  test('cause no failed call and no changed bit under load', async () => {
    const shards = await Promise.all([0, 1, 2, 3].map(() => createTestShard()));
    const members = await Promise.all(shards.map(async (shard) => socketOf(await serve(shard, slow(2)))));
    const fleet = await fleetOf(members.slice(0, 2));
    let going = true;
    let calls = 0;
    const callers = Array.from({ length: 4 }, async (_, caller) => {
      while (going) {
        const asked = step(6, 2, 100 * caller + (calls % 7));
        await expectRight(asked, await dispatch({ fleet, ...asked }));
        calls++;
      }
    });
    const sets: Member[][] = [
      [members[1]!, members[2]!],
      [members[2]!, members[3]!],
      [members[3]!, members[0]!],
      [members[0]!, members[1]!, members[2]!, members[3]!],
      [members[2]!],
    ];
    for (const set of sets) {
      fleet.setMembers(set);
      const newcomers = () => fleet.status().every(({ state }) => state === 'available');
      expect(await fleet.until(newcomers, 60_000)).toBe(true);
      const until = calls + 8;
      await expect.poll(() => calls, { interval: 2 }).toBeGreaterThan(until);
    }
    going = false;
    await Promise.all(callers);
    expect(fleet.counters).toMatchObject({ failures: 0, reconnects: 0, bans: 0 });
    expect(fleet.status().map(({ address }) => address)).toEqual([members[2]!.address]);
  });

  test('a member that is removed answers its calls; then its connection is closed', async () => {
    const server = await serve(await createTestShard(), slow(80));
    const fleet = await fleetOf([socketOf(server)]);
    const pending = dispatch({ fleet, ...rowFor(1) });
    expect(server.callers().length).toBe(2);
    fleet.setMembers([]);
    expect(fleet.ready).toBe(false);
    expect(fleet.status()).toEqual([]);
    await expectRight(rowFor(1), await pending);
    await expect.poll(() => server.callers().length).toBe(0);
    expect(fleet.counters).toMatchObject({ calls: 1, failures: 0 });
  });

  test('closing the fleet ends the calls of removed members', async () => {
    const server = await serve(await createTestShard(), hanging());
    const fleet = await fleetOf([socketOf(server)]);
    const pending = dispatch({ fleet, ...rowFor(1), deadlineMs: 60_000 });
    fleet.setMembers([]);
    fleet.close();
    expect((await pending).failed.get(0)).toMatchObject({ code: 'unavailable' });
    await expect.poll(() => server.callers().length).toBe(0);
  });

  test('an address that is added again is a new member, and an address that is listed twice is one member', async () => {
    const member = socketOf(await serve(await createTestShard()));
    const fleet = await fleetOf([member, member]);
    expect(fleet.status()).toHaveLength(1);
    fleet.setMembers([]);
    fleet.setMembers([member]);
    expect(await fleet.whenReady(5_000)).toBe(true);
    await expectRight(rowFor(1), await dispatch({ fleet, ...rowFor(1) }));
  });

  test.each([
    ['holdings', { model: model.identity, holdings: [[0, 1, 2]] }, { state: 'available', units: 2 }],
    ['draining', {}, { state: 'draining', units: 0 }],
  ])('a notification %s counts even if the shard is not yet connected', async (method, params, expected) => {
    const { handlers } = (await createTestShard()).service;
    const member: Member = {
      address: 'a',
      async connect(options) {
        const transport = await openLocalTransport(handlers, options);
        options.onNotification?.(method, params);
        return transport;
      },
    };
    const fleet = new Fleet({ members: [member], model, policy: strict });
    await expect.poll(() => fleet.status()).toMatchObject([expected]);
    fleet.close();
  });

  test('a member that stays keeps its connection and its counters', async () => {
    const [a, b] = await Promise.all([createTestShard(), createTestShard()]);
    const members = [memberOf('a', a), memberOf('b', b)];
    const fleet = await fleetOf([members[0]!]);
    await dispatch({ fleet, ...rowFor(1) });
    fleet.setMembers(members);
    await expect.poll(() => stateOf(fleet, 'b')).toBe('available');
    expect(callsOf(fleet)).toEqual({ a: 1, b: 0 });
    expect(fleet.counters.reconnects).toBe(0);
  });
});

describe('numerics classes', () => {
  test('a unit stays with the class that serves it, and another class is used only if the ladder allows it', async () => {
    const two = memberOf('two', await shardOf('two'));
    const fleet = await fleetOf([memberOf('one', await createTestShard({ units: unitsOf([0, 1]) }))]);
    fleet.setMembers([memberOf('one', await createTestShard()), two]);
    await expect.poll(() => fleet.ready).toBe(true);
    expect(fleet.numericsClasses).toEqual(['plain-f32', 'two']);
    expect(fleet.replicated).toBe(false);
    for (let i = 0; i < 6; i++) await expectRight(rowFor(1), await dispatch({ fleet, ...rowFor(1) }));
    expect(callsOf(fleet)).toEqual({ one: 6, two: 0 });
  });

  test('stay those of the last shards while no shard is connected', async () => {
    const fleet = await fleetOf([
      memberOf('one', await createTestShard()),
      memberOf('low', await shardOf('low', everyExpert, true)),
    ]);
    expect(fleet.numericsClasses).toEqual(['plain-f32']);
    fleet.setMembers([]);
    expect(fleet.ready).toBe(false);
    expect(fleet.numericsClasses).toEqual(['plain-f32']);
    fleet.setMembers([memberOf('two', await shardOf('two'))]);
    await expect.poll(() => fleet.numericsClasses).toEqual(['two']);
  });

  test('are chosen again only by settleClasses, if no shard of a unit’s class is left', async () => {
    const log: string[] = [];
    const one = memberOf('one', await createTestShard());
    const fleet = await fleetOf([one], { log: (_, line) => log.push(line) });
    fleet.setMembers([one, memberOf('two', await shardOf('two'))]);
    await expect.poll(() => stateOf(fleet, 'two')).toBe('available');
    fleet.settleClasses();
    expect(fleet.replicas(0, 0).exact.map(({ address }) => address)).toEqual(['one']);

    fleet.setMembers([memberOf('two', await shardOf('two'))]);
    expect(fleet.ready).toBe(false);
    expect((await dispatch({ fleet, ...rowFor(1) })).failed.get(0)).toMatchObject({ code: 'unavailable' });
    expect(fleet.readyFor(rungLevel('class'))).toBe(true);
    fleet.settleClasses();
    expect(fleet.ready).toBe(true);
    expect((await dispatch({ fleet, ...rowFor(1) })).failed.size).toBe(0);
    expect(log).toContain('12 experts in 2 layers are served by another numerics class from now on');

    // The first class comes back, and the units do not belong to it any more.
    fleet.setMembers([one, memberOf('two', await shardOf('two'))]);
    await expect.poll(() => stateOf(fleet, 'one')).toBe('available');
    expect(fleet.replicas(0, 0).exact.map(({ address }) => address)).toEqual(['two']);
  });
});

describe('down the ladder', () => {
  async function lame(): Promise<Fleet> {
    return fleetOf([
      memberOf('half', await createTestShard({ units: unitsOf([0, 1, 2]) })),
      memberOf('standby', await shardOf('low', everyExpert, true)),
    ]);
  }

  test.each([
    ['nothing', undefined, 0],
    ['another class', 'class', 0],
    ['a standby', 'standby', 1],
  ] as const)('a standby is used only if the row allows it: it allows %s', async (_name, rung, calls) => {
    const fleet = await lame();
    const asked = { ...rowFor(4), ladder: Uint8Array.of(rungLevel(rung)) };
    const { failed, degraded } = await dispatch({ fleet, ...asked });
    expect(callsOf(fleet)).toEqual({ half: 0, standby: calls });
    expect(failed.size).toBe(1 - calls);
    expect(degraded).toEqual(calls === 1 ? [{ row: 0, rung: 'standby' }] : []);
    if (calls === 0) expect(failed.get(0)).toMatchObject({ code: 'unavailable' });
  });

  test('a standby is never used if an exact replica is there', async () => {
    const fleet = await lame();
    for (const level of [0, 1, 2, 3, 4]) {
      const given = await dispatch({ fleet, ...rowFor(2), ladder: Uint8Array.of(level) });
      await expectRight(rowFor(2), given);
      expect(given.degraded).toEqual([]);
    }
    expect(callsOf(fleet)).toEqual({ half: 5, standby: 0 });
  });

  test('another class is preferred to a standby if the class of the unit has no replica', async () => {
    const fleet = await fleetOf([
      memberOf('own', await createTestShard(), failing('unavailable')),
      memberOf('class', await shardOf('two', [4])),
      memberOf('standby', await shardOf('low', everyExpert, true)),
    ]);
    const at4 = await dispatch({ fleet, ...rowFor(4), ladder: Uint8Array.of(2) });
    expect(at4.failed.size).toBe(0);
    expect(at4.degraded).toEqual([{ row: 0, rung: 'class' }]);
    const at5 = await dispatch({ fleet, ...rowFor(5), ladder: Uint8Array.of(2) });
    expect(at5.degraded).toEqual([{ row: 0, rung: 'standby' }]);
    expect(callsOf(fleet)).toMatchObject({ class: 1, standby: 1 });
  });

  test('each row steps down no further than it allows', async () => {
    const fleet = await lame();
    const asked = allowing(undefined, 3, 1);
    asked.assignment.experts.fill(4);
    asked.ladder = Uint8Array.of(0, 2, 4);
    const { failed, degraded } = await dispatch({ fleet, ...asked });
    expect([...failed.keys()]).toEqual([0]);
    expect(degraded).toEqual([
      { row: 1, rung: 'standby' },
      { row: 2, rung: 'standby' },
    ]);
  });

  test('the next best expert by score is used, with its own weight', async () => {
    const fleet = await fleetOf([memberOf('half', await createTestShard({ units: unitsOf([0, 1, 2]) }))]);
    const asked = allowing('next_best', 40, 1);
    const before = [...asked.assignment.experts];
    const given = await dispatch({ fleet, ...asked });
    await expectRight(asked, given); // compared with the experts that are assigned now
    const replaced = before.flatMap((expert, row) => (expert > 2 ? [row] : []));
    expect(replaced.length).toBeGreaterThan(5);
    expect(given.degraded.map(({ row }) => row).sort((a, b) => a - b)).toEqual(replaced);
    expect(new Set(given.degraded.map(({ rung }) => rung))).toEqual(new Set(['next_best']));
    for (const [row, expert] of before.entries()) {
      const best = asked.ranked!(row, expert).find((each) => each.expert <= 2)!;
      expect(chosen(asked, row)).toEqual([best.expert]);
      if (expert > 2) expect(asked.assignment.weights[row]).toBeCloseTo(best.weight, 6);
    }
  });

  test('with prototypes, the next best expert is one of the same prototype', async () => {
    // Experts 0 to 2 and 3 to 5. Of the second prototype, only expert 4 is held.
    const fleet = await fleetOf([memberOf('most', await createTestShard({ units: unitsOf([0, 1, 2, 4]) }))]);
    const asked = allowing('next_best', 40, 2, 3, 2);
    const before = asked.assignment.experts.slice();
    const given = await dispatch({ fleet, ...asked });
    await expectRight(asked, given);
    const replaced = before.filter((expert) => expert === 3 || expert === 5);
    expect(given.degraded).toHaveLength(replaced.length);
    for (let row = 0; row < 40; row++) expect(chosen(asked, row)).toEqual([before[row * 2], 4]);
  });

  test('a row with several experts keeps those that can be called, and gets no expert twice', async () => {
    const fleet = await fleetOf([
      memberOf('most', await createTestShard({ units: unitsOf([0, 1, 2, 3, 4]) })),
    ]);
    const asked = allowing('next_best', 40, 3);
    const before = asked.assignment.experts.slice();
    const given = await dispatch({ fleet, ...asked });
    await expectRight(asked, given);
    for (let row = 0; row < 40; row++) {
      const now = chosen(asked, row);
      expect(new Set(now).size).toBe(3);
      for (const [at, expert] of now.entries()) {
        const was = before[row * 3 + at]!;
        if (was === 5) expect(expert).not.toBe(5);
        else expect(expert).toBe(was);
      }
    }
    expect(given.degraded).toHaveLength([...before].filter((expert) => expert === 5).length);
  });

  test('if no expert is left, the row passes through unchanged', async () => {
    const fleet = await fleetOf([memberOf('a', await createTestShard(), failing('unavailable'))]);
    const asked = allowing('pass_through', 5, 2);
    const { answers, failed, degraded } = await dispatch({ fleet, ...asked });
    expect(failed.size).toBe(0);
    expect(degraded.filter(({ rung }) => rung === 'pass_through')).toHaveLength(10);
    const residual = Float32Array.from({ length: 5 * hidden }, (_, i) => Math.sin(i));
    const before = residual.slice();
    combine(residual, answers, asked.assignment, hidden);
    expect(bits(residual)).toEqual(bits(before));
  });

  test('only the missing one of several experts is skipped if no other expert is left', async () => {
    const fleet = await fleetOf([
      memberOf('most', await createTestShard({ units: unitsOf([0, 1, 2, 3, 4]) })),
    ]);
    const { ranked: _, ...asked } = allowing('pass_through', 40, 3);
    const before = asked.assignment.experts.slice();
    const { answers, failed, degraded } = await dispatch({ fleet, ...asked });
    expect(failed.size).toBe(0);
    const missing = [...before].flatMap((expert, slot) => (expert === 5 ? [slot] : []));
    expect(degraded).toHaveLength(missing.length);
    for (const slot of before.keys()) {
      const answer = answers.subarray(slot * hidden, (slot + 1) * hidden);
      expect(answer.every((value) => value === 0)).toBe(missing.includes(slot));
    }
  });

  test('rows without a rung fail, and are neither counted as degraded nor changed', async () => {
    const fleet = await fleetOf([memberOf('half', await createTestShard({ units: unitsOf([0, 1, 2]) }))]);
    const asked = allowing(undefined, 40, 1);
    const before = asked.assignment.experts.slice();
    const { failed, degraded } = await dispatch({ fleet, ...asked });
    expect(degraded).toEqual([]);
    expect(asked.assignment.experts).toEqual(before);
    expect([...failed.keys()].sort((a, b) => a - b)).toEqual(
      [...before].flatMap((e, row) => (e > 2 ? [row] : [])),
    );
  });

  test('a stand-in that fails is not counted as degraded', async () => {
    const standby = memberOf('standby', await shardOf('low', everyExpert, true), failing('unavailable'));
    const fleet = await fleetOf([standby]);
    const { failed, degraded } = await dispatch({ fleet, ...rowFor(4), ladder: Uint8Array.of(2) });
    expect(failed.size).toBe(1);
    expect(degraded).toEqual([]);
  });

  test('a standby is used instead of a shard with wrong answers, if that is allowed', async () => {
    const fleet = await fleetOf([
      memberOf(
        'own',
        await createTestShard(),
        lying((rows) => rows.fill(Number.NaN)),
      ),
      memberOf('standby', await shardOf('low', everyExpert, true)),
    ]);
    const given = await dispatch({ fleet, ...rowFor(4), ladder: Uint8Array.of(2) });
    expect(given.failed.size).toBe(0);
    expect(given.degraded).toEqual([{ row: 0, rung: 'standby' }]);
    expect(stateOf(fleet, 'own')).toBe('cordoned');
  });

  test('a standby replaces a shard that does not answer, after a while for the first row, and at once for later rows', async () => {
    const fleet = await fleetOf([
      memberOf('own', await createTestShard(), hanging()),
      memberOf('standby', await shardOf('low', everyExpert, true)),
    ]);
    for (let i = 0; i < 3_000; i++) fleet.latencies.decode.late.learn(1);
    const took: number[] = [];
    for (let i = 0; i < 3; i++) {
      const startedAt = performance.now();
      const given = await dispatch({ fleet, ...rowFor(4), ladder: Uint8Array.of(2) });
      took.push(performance.now() - startedAt);
      expect(given.degraded).toEqual([{ row: 0, rung: 'standby' }]);
    }
    expect(took[0]).toBeGreaterThan(100);
    expect(Math.max(took[1]!, took[2]!)).toBeLessThan(60);
    // A row without a ladder still calls the only exact replica.
    const { failed } = await dispatch({ fleet, ...rowFor(4), deadlineMs: 50 });
    expect(failed.get(0)).toMatchObject({ code: 'deadline' });
  });

  test('a standby that connects while a row waits is used', async () => {
    const half = memberOf('half', await createTestShard({ units: unitsOf([0, 1, 2]) }));
    const fleet = await fleetOf([half], { policy: { patienceMs: 5_000 } });
    const pending = dispatch({ fleet, ...rowFor(4), ladder: Uint8Array.of(2) });
    fleet.setMembers([half, memberOf('standby', await shardOf('low', everyExpert, true))]);
    const { failed, degraded } = await pending;
    expect(failed.size).toBe(0);
    expect(degraded).toEqual([{ row: 0, rung: 'standby' }]);
  });

  test('readyFor is true for the levels of the ladder with which the fleet can serve every row', async () => {
    const fleet = await lame();
    expect([0, 1, 2, 3, 4].map((level) => fleet.readyFor(level))).toEqual([false, false, true, true, true]);
    const half = await fleetOf([memberOf('half', await createTestShard({ units: unitsOf([0, 1, 2]) }))]);
    expect([0, 1, 2, 3, 4].map((level) => half.readyFor(level))).toEqual([false, false, false, true, true]);
    const oneLayer = await createTestShard({ units: unitsOf(everyExpert, [0]) });
    const flat = await fleetOf([memberOf('one layer', oneLayer)]);
    expect([3, 4].map((level) => flat.readyFor(level))).toEqual([false, true]);
  });
});
