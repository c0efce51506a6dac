// Tests shards that answer pings but no calls: they are taken out of service, logged once, and used again when they answer.
import { expect, onTestFinished, test } from 'vitest';
import { dispatch } from '../../../router/dispatch.ts';
import { Fleet, type FleetOptions } from '../../../router/fleet.ts';
import type { Member } from '../../../router/shards/member.ts';
import type { Params } from '../../../rpc/transport.ts';
import {
  type Change,
  createTestShard,
  expectRight,
  memberOf,
  model,
  rowFor,
  serve,
  socketOf,
  stateOf,
  strict,
} from '../shards.ts';
import { testGoldens } from './goldens.ts';

const pace = {
  roundMs: 3_600_000,
  leastPauseMs: 2,
  goldenDeadlineMs: 120,
  silentMs: 80,
  firstRestMs: 20,
  redundancyMs: 20,
};

interface Fault {
  /** True if the call must be left unanswered. */
  swallows: (params: Params) => boolean;
}

const isGolden = ({ trace }: Params) => trace === 'golden';
const everything = () => true;
const nothing = () => false;

/** Wraps `expert.run`: leaves a call unanswered if `fault.swallows` returns true for it. */
function swallowing(fault: Fault): Change {
  return (real) => (params, context) =>
    fault.swallows(params) ? new Promise(() => {}) : real(params, context);
}

function open(members: Member[], options: Partial<FleetOptions> = {}) {
  const log: string[] = [];
  const fleet = new Fleet({
    members,
    model,
    pace,
    random: () => 0,
    log: (level, message) => log.push(`${level} ${message}`),
    ...options,
    policy: { ...strict, ...options.policy },
  });
  onTestFinished(() => fleet.close());
  const told = (text: string) => log.filter((line) => line.includes(text));
  return { fleet, told };
}

function ask(fleet: Fleet, { bulk = false, deadlineMs = 120 } = {}) {
  return dispatch({ fleet, ...rowFor(0), deadlineMs, prefill: Uint8Array.of(bulk ? 1 : 0) });
}

async function member(name: string, fault: Fault): Promise<Member> {
  return memberOf(name, await createTestShard(), swallowing(fault));
}

test('the only holder of an expert, if it answers no calls, is taken out of service while the first call waits, logged once, and back when it answers', async () => {
  const fault: Fault = { swallows: nothing };
  const server = await serve(await createTestShard(), swallowing(fault));
  const { fleet, told } = open([socketOf(server)], { goldens: await testGoldens() });
  expect(await fleet.whenReady(5_000)).toBe(true);
  fault.swallows = everything;
  expect((await ask(fleet)).failed.get(0)).toMatchObject({ code: 'deadline' });
  expect(fleet.ready).toBe(false);
  expect(fleet.missing()).toHaveLength(model.layers);
  expect(fleet.status()).toMatchObject([{ connected: true, units: 0 }]);
  expect((await ask(fleet)).failed.get(0)).toMatchObject({ code: 'unavailable' }); // at once, because no shard is called
  await expect.poll(() => fleet.counters.silences).toBeGreaterThan(1); // golden rows are not answered either
  expect(fleet.counters.timeouts).toBeGreaterThan(1);
  fault.swallows = nothing;
  expect(await fleet.whenReady(5_000)).toBe(true);
  await expectRight(rowFor(0), await ask(fleet));
  expect(told('is unresponsive')[0]).toMatch(
    /warn shard \S+ is unresponsive and gets no calls for 0\.02 s: no calls of generated rows were answered for [\d.]+ s/,
  );
  expect(told('is unresponsive')).toHaveLength(fleet.counters.silences);
});

test('one of two holders, if it answers no calls, is taken out of service although hedges cancel its calls, and lost redundancy is logged', async () => {
  const fault: Fault = { swallows: nothing };
  const { fleet, told } = open([await member('a', fault), await member('b', { swallows: nothing })], {
    policy: { ...strict, hedgeBudget: 1 },
  });
  await expect.poll(() => fleet.status().every(({ units }) => units > 0)).toBe(true);
  await expect.poll(() => fleet.single()).toEqual([]);
  await new Promise((resolve) => setTimeout(resolve, 100)); // the fleet has seen that there are two holders
  fault.swallows = everything;
  // Prefill rows are sent, because a late shard gets few decode rows.
  while (stateOf(fleet, 'a') === 'available') {
    await expectRight(rowFor(0), await ask(fleet, { bulk: true, deadlineMs: 300 }));
  }
  expect(told('is unresponsive')).toHaveLength(fleet.counters.silences);
  expect(fleet.ready).toBe(true);
  expect(fleet.single()).toEqual([
    { layer: 0, experts: '0-5' },
    { layer: 1, experts: '0-5' },
  ]);
  await expect
    .poll(() => told('redundancy'), { timeout: 3_000 })
    .toEqual(['warn redundancy is lost: no second shard serves layers 0-1: experts 0-5']);
  fault.swallows = nothing;
  await expect.poll(() => told('redundancy is back'), { timeout: 5_000 }).toHaveLength(1);
});

test('a shard that answers only after the deadline is taken out of service', async () => {
  const late: Change = (real) => async (params, context) => {
    await new Promise((resolve) => setTimeout(resolve, isGolden(params) ? 0 : 180));
    return real(params, context);
  };
  const { fleet } = open([memberOf('a', await createTestShard(), late)], { goldens: await testGoldens() });
  expect(await fleet.whenReady(5_000)).toBe(true);
  await ask(fleet);
  expect(fleet.counters.silences).toBe(1);
});

test('a shard that answers only decode rows, or only prefill rows, is taken out of service', async () => {
  for (const swallowed of [0, 1]) {
    const fault: Fault = { swallows: (params) => params.priority === swallowed && !isGolden(params) };
    const { fleet, told } = open([await member('a', fault)]);
    expect(await fleet.whenReady(5_000)).toBe(true);
    await expectRight(rowFor(0), await ask(fleet, { bulk: swallowed === 0 }));
    await ask(fleet, { bulk: swallowed === 1 });
    expect(fleet.counters.silences).toBe(1);
    expect(told(swallowed === 1 ? 'no calls of prompt rows' : 'no calls of generated rows')).toHaveLength(1);
  }
});

test('a shard that answers only golden rows rests for longer each time', async () => {
  const { fleet, told } = open([await member('a', { swallows: (params) => !isGolden(params) })], {
    goldens: await testGoldens(),
  });
  for (const rest of ['0.02', '0.04', '0.08']) {
    expect(await fleet.whenReady(5_000)).toBe(true);
    await ask(fleet);
    expect(told('is unresponsive').at(-1)).toContain(`gets no calls for ${rest} s`);
  }
  expect(fleet.counters.silences).toBe(3);
});

test('a shard that answers no golden rows never enters service, and the log says why', async () => {
  const fault: Fault = { swallows: isGolden };
  const { fleet, told } = open([await member('a', fault)], { goldens: await testGoldens() });
  await expect.poll(() => told('no golden rows were answered')).not.toEqual([]);
  expect(fleet.ready).toBe(false);
  fault.swallows = nothing;
  expect(await fleet.whenReady(5_000)).toBe(true);
});

test('a shard without golden rows is back in service when it answers something', async () => {
  const fault: Fault = { swallows: nothing };
  const { fleet } = open([await member('a', fault)]);
  expect(await fleet.whenReady(5_000)).toBe(true);
  fault.swallows = everything;
  await ask(fleet);
  await expect.poll(() => fleet.counters.silences).toBeGreaterThan(2);
  expect(fleet.ready).toBe(false);
  fault.swallows = nothing;
  expect(await fleet.whenReady(5_000)).toBe(true);
  await expectRight(rowFor(0), await ask(fleet));
  expect(fleet.counters.goldenRows).toBe(0);
});
