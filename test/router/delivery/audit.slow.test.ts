import { describe, expect, test } from 'vitest';
import { dispatch } from '../../../router/dispatch.ts';
import type { Fleet } from '../../../router/fleet.ts';
import type { Goldens } from '../../../router/shards/golden-checks.ts';
import { uniform } from '../../support/random.ts';
import { testGoldens } from '../shards/goldens.ts';
import {
  bits,
  type Change,
  createTestShard,
  expectRight,
  failing,
  fleetOf,
  flip,
  hanging,
  lying,
  memberOf,
  model,
  rowFor,
  slow,
  stateOf,
  step,
  unitsOf,
} from '../shards.ts';

interface Setting {
  policy?: { auditShare: number };
  goldens?: Goldens;
  log?: string[];
  random?: () => number;
}

/** A fleet of shards a, b, …. `changes` wrap the handlers of the shards. Every call is audited unless the policy says otherwise. */
async function audited(
  changes: (Change | undefined)[],
  { log = [], ...setting }: Setting = {},
): Promise<Fleet> {
  const members = await Promise.all(
    changes.map(async (change, i) => memberOf('abcd'[i]!, await createTestShard(), change)),
  );
  return fleetOf(members, { policy: { auditShare: 1 }, log: (_, line) => log.push(line), ...setting });
}

/** Flips the lowest bit of one value in every answer. */
const always = lying((rows) => flip(rows, 3));

function at(times: number[]): Change {
  let call = 0;
  return lying((rows) => {
    if (times.includes(call++)) flip(rows, 3);
  });
}

function states(fleet: Fleet): string[] {
  return fleet.status().map(({ state }) => state);
}

test('each call goes to two shards, and equal answers are used', async () => {
  const fleet = await audited([undefined, undefined]);
  const asked = step(12, 3);
  await expectRight(asked, await dispatch({ fleet, ...asked }));
  expect(fleet.calls).toMatchObject({ audited: 1, mismatches: 0, retried: 0, hedged: 0 });
  expect(fleet.status().map(({ counters }) => counters.calls)).toEqual([1, 1]);
  expect(states(fleet)).toEqual(['available', 'available']);
});

test('an audited call goes to two of three replicas', async () => {
  const fleet = await audited([undefined, undefined, undefined]);
  await dispatch({ fleet, ...step(12, 3) });
  expect(fleet.counters.calls).toBe(2);
  expect(fleet.calls.audited).toBe(1);
});

test('the share of audited calls is that of the policy', async () => {
  const draws = [0.5, 0.9, 0.2, 0, 0, 0.01];
  let drawn = 0;
  const [a, b] = [await createTestShard(), await createTestShard()];
  const fleet = await fleetOf([memberOf('a', a), memberOf('b', b)], {
    policy: { auditShare: 0.25 },
    random: () => draws[drawn++ % draws.length]!,
  });
  for (let i = 0; i < 10; i++) await dispatch({ fleet, ...rowFor(0) });
  // Two draws choose the shard. The third decides about the audit: 0.2 and 0.01 by turns.
  expect(fleet.calls.audited).toBe(10);
  const none = await fleetOf([memberOf('a', a), memberOf('b', b)], { policy: { auditShare: 0 } });
  for (let i = 0; i < 10; i++) await dispatch({ fleet: none, ...rowFor(0) });
  expect(none.calls.audited).toBe(0);
});

describe('a shard that flips one bit is cordoned, and the other answer is used', () => {
  test.each([
    ['the shard that was called first', [always, undefined, undefined], 0],
    ['the shard that was called second', [undefined, always, undefined], 1],
  ] as const)('a third replica shows that %s is wrong', async (_name, changes, wrongShard) => {
    const log: string[] = [];
    const fleet = await audited([...changes], { log });
    const asked = step(12, 3);
    await expectRight(asked, await dispatch({ fleet, ...asked }));
    expect(states(fleet).map((state) => state === 'cordoned')).toEqual(
      [0, 1, 2].map((i) => i === wrongShard),
    );
    expect(fleet.calls).toMatchObject({ audited: 1, mismatches: 1 });
    expect(fleet.counters.cordons).toBe(1);
    expect(log.join()).toMatch(
      new RegExp(
        `shard ${'ab'[wrongShard]} is cordoned for 5 s: its answer of expert \\d of layer 1 differs from that of [abc]`,
      ),
    );
    await expectRight(asked, await dispatch({ fleet, ...asked }));
    expect(fleet.calls).toMatchObject({ audited: 2, mismatches: 1 });
  });

  test.each([
    ['the shard that was called first', [at([0]), undefined], 'a'],
    ['the shard that was called second', [undefined, at([0])], 'b'],
  ] as const)(
    '%s is wrong if it does not repeat its answer and there is no third replica',
    async (_name, changes, wrongShard) => {
      const fleet = await audited([...changes]);
      await expectRight(rowFor(2), await dispatch({ fleet, ...rowFor(2) }));
      expect(stateOf(fleet, wrongShard)).toBe('cordoned');
      expect(states(fleet).filter((state) => state === 'available')).toHaveLength(1);
    },
  );

  test.each([
    ['the shard that was called first', 'a'],
    ['the shard that was called second', 'b'],
  ])('golden rows show that %s is wrong, if it repeats its answer', async (_name, wrongShard) => {
    const goldens = await testGoldens();
    // The shard gives wrong answers after it has passed its golden checks.
    let lies = false;
    const later = lying((rows) => {
      if (lies) flip(rows, 3);
    });
    const fleet = await audited(wrongShard === 'a' ? [later, undefined] : [undefined, later], { goldens });
    lies = true;
    await expectRight(rowFor(2), await dispatch({ fleet, ...rowFor(2) }));
    expect(stateOf(fleet, wrongShard)).toBe('cordoned');
    expect(states(fleet).filter((state) => state === 'available')).toHaveLength(1);
  });
});

test('no shard is cordoned, and the log says so, if nothing shows which shard is wrong', async () => {
  const log: string[] = [];
  const fleet = await audited([undefined, always], { log });
  const { failed } = await dispatch({ fleet, ...rowFor(2) });
  expect(failed.size).toBe(0);
  expect(states(fleet)).toEqual(['available', 'available']);
  expect(log.join()).toContain(
    'shards a and b differ on expert 2 of layer 1, and neither is shown to be wrong',
  );
});

test('the answers -0 and 0 differ', async () => {
  const zero = (value: number) => lying((rows) => rows.fill(value));
  const fleet = await audited([zero(0), zero(-0), zero(0)]);
  const { answers } = await dispatch({ fleet, ...rowFor(2) });
  expect(new Set(bits(answers))).toEqual(new Set([0]));
  expect(stateOf(fleet, 'b')).toBe('cordoned');
});

describe('an audited call is answered whatever the second replica does', () => {
  test.each([
    ['fails', failing('unavailable')],
    ['is busy', failing('busy')],
    ['does not answer', hanging()],
  ])('%s', async (_name, change) => {
    for (const changes of [
      [undefined, change],
      [change, undefined],
    ]) {
      const fleet = await audited(changes);
      await expectRight(rowFor(2), await dispatch({ fleet, ...rowFor(2), deadlineMs: 1_000 }));
      expect(states(fleet)).toEqual(['available', 'available']);
      expect(fleet.calls.mismatches).toBe(0);
      expect(fleet.status().every(({ inFlight }) => inFlight === 0)).toBe(true);
    }
  });

  test('and the first replica is cordoned if it gives a number that is not finite', async () => {
    const fleet = await audited([lying((rows) => rows.fill(Number.POSITIVE_INFINITY)), undefined]);
    await expectRight(rowFor(2), await dispatch({ fleet, ...rowFor(2) }));
    expect(states(fleet)).toEqual(['cordoned', 'available']);
  });

  test('and answers of replicas that are not exact are not compared', async () => {
    const worse = await createTestShard({ model: { ...model, standby: true } });
    const members = [
      memberOf('a', await createTestShard(), slow(20)),
      memberOf('b', await createTestShard(), failing('unavailable')),
      memberOf('worse', worse, always),
    ];
    const fleet = await fleetOf(members, { policy: { auditShare: 1 } });
    const ranked = () => [{ expert: 5, weight: 0.5 }];
    for (const level of [2, 3, 4]) {
      const asked = { ...rowFor(2), ladder: Uint8Array.of(level), ranked, deadlineMs: 1_000 };
      const given = await dispatch({ fleet, ...asked });
      await expectRight(asked, given);
      expect(given.degraded).toEqual([]);
    }
    expect(states(fleet)).toEqual(['available', 'available', 'available']);
    expect(fleet.calls.mismatches).toBe(0);
  });
});

test('a caller that gives up does not wait for the judgement', async () => {
  const goldens = await testGoldens();
  let stuck = false;
  const stick: Change = (real) => (params, context) =>
    stuck && params.trace === 'golden' ? new Promise(() => {}) : real(params, context);
  const members = [
    memberOf('a', await createTestShard(), (real) => stick(lying((rows) => stuck && flip(rows))(real))),
    memberOf('b', await createTestShard(), stick),
  ];
  const fleet = await fleetOf(members, { policy: { auditShare: 1 }, goldens });
  stuck = true;
  const controller = new AbortController();
  const pending = dispatch({ fleet, ...rowFor(2), signal: controller.signal });
  await expect.poll(() => fleet.calls.mismatches).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const abortedAt = performance.now();
  controller.abort();
  await pending;
  expect(performance.now() - abortedAt).toBeLessThan(9_000); // its deadline is 10 s
});

describe('a third replica that does not answer', () => {
  const sample = { policy: { auditShare: 0.5 } };

  test('delays the caller by at most the time after which a call counts as lost, and the wrong shard is still found', async () => {
    const fleet = await audited([at([0]), undefined, hanging()], sample);
    const startedAt = performance.now();
    const { failed } = await dispatch({ fleet, ...rowFor(2) });
    expect(performance.now() - startedAt).toBeLessThan(9_000); // its deadline is 10 s
    expect(failed.size).toBe(0);
    await expect.poll(() => stateOf(fleet, 'a')).toBe('cordoned');
    expect(states(fleet).slice(1)).toEqual(['available', 'available']);
  });

  test('does not end the judgement if every call is audited', async () => {
    const fleet = await audited([at([0]), undefined, hanging()]);
    const startedAt = performance.now();
    await expectRight(rowFor(2), await dispatch({ fleet, ...rowFor(2) }));
    expect(performance.now() - startedAt).toBeLessThan(9_000); // its deadline is 10 s
    expect(stateOf(fleet, 'a')).toBe('cordoned');
  });

  test('is followed by one more replica, which gets the row as it was although the step has gone on', async () => {
    const fleet = await audited([always, undefined, hanging(), slow(30)], sample);
    const asked = rowFor(2);
    await dispatch({ fleet, ...asked });
    asked.x.fill(7);
    await expect.poll(() => stateOf(fleet, 'a')).toBe('cordoned');
    expect(states(fleet).slice(1)).toEqual(['available', 'available', 'available']);
  });
});

describe('a frame that no single other shard could answer', () => {
  const left = () => createTestShard({ units: unitsOf([0, 1, 2]) });
  const right = () => createTestShard({ units: unitsOf([3, 4, 5]) });

  test('is also sent to all shards that hold some of its experts, if every call is audited', async () => {
    const members = [
      memberOf('whole', await createTestShard()),
      memberOf('left', await left()),
      memberOf('right', await right(), at([0])),
    ];
    const fleet = await fleetOf(members, { policy: { auditShare: 1 } });
    const asked = step(30, 2);
    await expectRight(asked, await dispatch({ fleet, ...asked }));
    expect(states(fleet)).toEqual(['available', 'available', 'cordoned']);
  });

  test('is also sent to one random shard that holds some of its experts, if not every call is audited', async () => {
    const members = [
      memberOf('whole', await createTestShard()),
      memberOf('left', await left()),
      memberOf('right', await right(), always),
      memberOf('third', await right()),
    ];
    const fleet = await fleetOf(members, { policy: { auditShare: 0.999 }, random: uniform(1) });
    const asked = step(30, 2);
    for (let i = 0; i < 40 && stateOf(fleet, 'right') === 'available'; i++)
      await dispatch({ fleet, ...asked });
    expect(states(fleet)).toEqual(['available', 'available', 'cordoned', 'available']);
    await expectRight(asked, await dispatch({ fleet, ...asked }));
  });

  test.each([1, 0.5])(
    'is audited even if some of its rows have no second replica; share of audited calls: %f',
    async (auditShare) => {
      const members = [memberOf('whole', await createTestShard()), memberOf('left', await left())];
      const fleet = await fleetOf(members, { policy: { auditShare } });
      const asked = step(30, 2);
      await expectRight(asked, await dispatch({ fleet, ...asked }));
      expect(fleet.calls).toMatchObject({ audited: 1, mismatches: 0 });
      const inLeft = [...asked.assignment.experts].filter((expert) => expert < 3).length;
      expect(fleet.status().map(({ counters }) => counters.rows)).toEqual([60, inLeft]);
    },
  );

  test('is answered only by other shards if one different answer shows that the first shard is wrong', async () => {
    const members = [
      memberOf('whole', await createTestShard(), always),
      memberOf('left', await left()),
      memberOf('left again', await left()),
      memberOf('right', await right()),
    ];
    const fleet = await fleetOf(members, { policy: { auditShare: 0.5 } });
    const asked = step(30, 2);
    asked.assignment.experts[0] = 0; // the expert whose answer is wrong
    await expectRight(asked, await dispatch({ fleet, ...asked }));
    expect(stateOf(fleet, 'whole')).toBe('cordoned');
    expect(fleet.calls).toMatchObject({ mismatches: 1, retried: 1 });
  });
});

test('the share of audited calls is that of the policy even while a shard is away', async () => {
  const random = uniform(4);
  const members = [
    memberOf('a', await createTestShard({ units: unitsOf([0, 1, 2]) })),
    memberOf('b', await createTestShard({ units: unitsOf([2, 3, 4, 5]) })),
  ];
  const fleet = await fleetOf(members, { policy: { auditShare: 0.1 }, random });
  let calls = 0;
  for (let seed = 0; seed < 1600; seed++) {
    const asked = step(4, 1, seed);
    calls += new Set([...asked.assignment.experts].map((expert) => expert < 2)).size;
    await dispatch({ fleet, ...asked });
  }
  expect(fleet.calls.audited).toBeGreaterThan(0.07 * calls);
  expect(fleet.calls.audited).toBeLessThan(0.13 * calls);
});
