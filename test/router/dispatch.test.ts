import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { combine } from '../../router/combine.ts';
import type { DispatchOptions } from '../../router/delivery/ledger.ts';
import { dispatch } from '../../router/dispatch.ts';
import { Fleet } from '../../router/fleet.ts';
import { select } from '../../router/selection.ts';
import { localMember, type Member, socketMember } from '../../router/shards/member.ts';
import { RpcError } from '../../rpc/errors.ts';
import { listen } from '../../rpc/socket/server.ts';
import type { Handlers } from '../../rpc/transport.ts';
import { counted, createTestShard, model, type TestShard } from '../experts/shard.ts';
import { normal, uniform } from '../support/random.ts';

const { hidden, experts } = model;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Three shards, each with two experts of every layer. */
async function threeShards(): Promise<TestShard[]> {
  return Promise.all(
    [0, 2, 4].map((first) =>
      createTestShard({
        units: [0, 1].flatMap((layer) => [first, first + 1].map((expert) => ({ layer, expert }))),
      }),
    ),
  );
}

async function fleetOf(members: Member[]): Promise<Fleet> {
  const fleet = new Fleet({ members, model, policy: { patienceMs: 0 } });
  closers.push(() => fleet.close());
  expect(await fleet.whenReady(5_000)).toBe(true);
  return fleet;
}

function local(
  shards: TestShard[],
  wrap: (handlers: Handlers) => Handlers = (handlers) => handlers,
): Member[] {
  return shards.map(({ service }, i) => localMember(`shard-${i}`, wrap(service.handlers)));
}

async function sockets(shards: TestShard[]): Promise<Member[]> {
  return Promise.all(
    shards.map(async ({ service: { handlers } }) => {
      const server = await listen({ handlers });
      closers.push(() => server.close({ graceMs: 100 }));
      return socketMember(server.address);
    }),
  );
}

function step(rows: number, k: number, seed = 1): Omit<DispatchOptions, 'fleet'> {
  const next = normal(seed);
  const x = Float32Array.from({ length: rows * hidden }, next);
  const scores = Float32Array.from({ length: rows * experts }, next);
  const assignment = select(scores, experts, { score: 'softmax', renormalise: false, scale: 1, k });
  return { model: model.identity, layer: 1, x, hidden, assignment, deadlineMs: 10_000 };
}

function combined(rows: number, asked: Omit<DispatchOptions, 'fleet'>, answers: Float32Array): number[] {
  const residual = Float32Array.from({ length: rows * hidden }, (_, i) => Math.sin(i));
  combine(residual, answers, asked.assignment, hidden, asked.mask);
  return [...residual];
}

test('each slot gets the answer of its expert to its row, with the bits that the device computes for the row alone', async () => {
  const shards = await threeShards();
  const { device } = await createTestShard();
  const asked = step(9, 3);
  const { answers, failed } = await dispatch({ fleet: await fleetOf(local(shards)), ...asked });
  expect(failed.size).toBe(0);
  for (const [slot, expert] of asked.assignment.experts.entries()) {
    const row = Math.floor(slot / 3);
    const x = asked.x.slice(row * hidden, (row + 1) * hidden);
    const alone = await device.run(1, x, Uint16Array.of(0, expert));
    expect(answers.slice(slot * hidden, (slot + 1) * hidden)).toEqual(alone);
  }
});

test('one shard, three shards and sockets give identical bits', async () => {
  const asked = step(150, 2);
  const prefill = Uint8Array.from({ length: 150 }, (_, row) => (row % 3 === 0 ? 0 : 1));
  const one = await dispatch({ fleet: await fleetOf(local([await createTestShard()])), ...asked, prefill });
  const three = await dispatch({ fleet: await fleetOf(local(await threeShards())), ...asked, prefill });
  const far = await dispatch({ fleet: await fleetOf(await sockets(await threeShards())), ...asked, prefill });
  const direct = (await threeShards()).map(({ service }, i) =>
    localMember(`d${i}`, service.handlers, service.run),
  );
  const near = await dispatch({ fleet: await fleetOf(direct), ...asked, prefill });
  expect(near.answers).toEqual(far.answers);
  expect(three.answers).toEqual(one.answers);
  expect(far.answers).toEqual(one.answers);
  expect(one.answers.some((value) => value !== 0)).toBe(true);
});

test('answers combine to identical bits in whatever order they arrive', async () => {
  const shards = await threeShards();
  const expected = new Map<number, number[]>();
  await fc.assert(
    fc.asyncProperty(fc.nat(3), fc.nat(0xffff), async (seed, order) => {
      const next = uniform(order);
      const shuffled = (handlers: Handlers): Handlers => ({
        ...handlers,
        async 'expert.run'(params, context) {
          const answer = await handlers['expert.run']!(params, context);
          await new Promise((resolve) => setTimeout(resolve, 4 * next()));
          return answer;
        },
      });
      const fleet = await fleetOf(local(shards, shuffled));
      const asked = step(70, 3, seed + 10);
      const prefill = Uint8Array.from({ length: 70 }, (_, row) => row % 2);
      const { answers, failed } = await dispatch({ fleet, ...asked, prefill });
      fleet.close();
      expect(failed.size).toBe(0);
      const bits = combined(70, asked, answers);
      if (!expected.has(seed)) expected.set(seed, bits);
      expect(bits).toEqual(expected.get(seed));
    }),
    { seed: 9, numRuns: 40 },
  );
});

test('a layer sends one frame to each shard for decode rows, and prefill rows in frames of 64', async () => {
  const shards = await threeShards();
  const fleet = await fleetOf(local(shards));
  await dispatch({ fleet, ...step(60, 6) });
  expect(fleet.counters).toMatchObject({ calls: 3, rows: 360, failures: 0 });
  expect(await counted(shards[0]!.metrics, 'expertgrid_shard_batch_rows_sum')).toBe(120);
  await dispatch({ fleet, ...step(130, 6), prefill: new Uint8Array(130).fill(1) });
  expect(fleet.counters.calls).toBe(3 + 3 * 3);
  expect(fleet.counters.bytesReceived).toBe((60 + 130) * 6 * hidden * 4);
});

test('rows with mask 0 are not sent, and their answers are zeros', async () => {
  const shards = await threeShards();
  const fleet = await fleetOf(local(shards));
  const mask = Uint8Array.of(1, 0, 1);
  const { answers, failed } = await dispatch({ fleet, ...step(3, 1), mask });
  expect(failed.size).toBe(0);
  expect(fleet.counters.rows).toBe(2);
  expect(answers.subarray(hidden, 2 * hidden)).toEqual(new Float32Array(hidden));
});

describe('a failure fails its own rows only', () => {
  test('at once if no shard holds an expert, with an error that names expert and layer', async () => {
    const [first] = await threeShards();
    const fleet = new Fleet({ members: local([first!]), model, policy: { patienceMs: 0 } });
    closers.push(() => fleet.close());
    await expect.poll(() => fleet.status()[0]?.connected).toBe(true);
    const asked = step(40, 1);
    const { failed } = await dispatch({ fleet, ...asked });
    asked.assignment.experts.forEach((expert, row) => {
      expect(failed.has(row)).toBe(expert > 1);
      if (expert > 1) {
        const message = `no connected shard holds expert ${expert} of layer 1`;
        expect(failed.get(row)).toMatchObject({ code: 'unavailable', message });
      }
    });
  });

  test('if a shard stays busy until the deadline, and the other rows are answered', async () => {
    const shards = await threeShards();
    const members = local(shards);
    members[1] = localMember('bad', {
      ...shards[1]!.service.handlers,
      async 'expert.run'() {
        throw new RpcError('busy', 'later', { retryAfterMs: 250 });
      },
    });
    const fleet = await fleetOf(members);
    const asked = step(30, 1);
    const { answers, failed } = await dispatch({ fleet, ...asked, deadlineMs: 400 });
    const good = await dispatch({ fleet: await fleetOf(local(shards)), ...asked });
    asked.assignment.experts.forEach((expert, row) => {
      const ofRow = (from: Float32Array) => from.slice(row * hidden, (row + 1) * hidden);
      if (expert === 2 || expert === 3) {
        expect(failed.get(row)).toMatchObject({
          code: 'busy',
          message: 'shard bad: later',
          retryAfterMs: 250,
        });
      } else {
        expect(failed.has(row)).toBe(false);
        expect(ofRow(answers)).toEqual(ofRow(good.answers));
      }
    });
    expect(fleet.counters.failures).toBeGreaterThan(1);
  });

  test('at once if the caller gives up, and no shard counts a failure', async () => {
    const controller = new AbortController();
    const shards = await threeShards();
    const fleet = await fleetOf(local(shards));
    const pending = dispatch({ fleet, ...step(30, 1), signal: controller.signal });
    controller.abort();
    const { failed } = await pending;
    expect(failed.size).toBe(30);
    expect(failed.get(0)).toMatchObject({ code: 'cancelled' });
    expect(fleet.counters.failures).toBe(0);
    expect(shards.flatMap(({ device }) => device.runs)).toEqual([]);
  });

  test('if the deadline passes', async () => {
    const stuck = {
      ...(await createTestShard()).service.handlers,
      'expert.run': () => new Promise<null>(() => {}),
    };
    const { failed } = await dispatch({
      fleet: await fleetOf([localMember('stuck', stuck)]),
      ...step(2, 1),
      deadlineMs: 30,
    });
    expect(failed.get(1)).toMatchObject({ code: 'deadline', retryable: true });
  });
});
