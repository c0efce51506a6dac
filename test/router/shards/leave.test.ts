// Tests with real servers and fleets that a shard asks its gateways before it drains, and which replicas the gateways count.
import { describe, expect, onTestFinished, test } from 'vitest';
import { adminHandlers } from '../../../experts/admin.ts';
import { Leave } from '../../../experts/leave.ts';
import { formatUnits } from '../../../experts/runs.ts';
import { helloParams } from '../../../experts/wire/hello.ts';
import { dispatch } from '../../../router/dispatch.ts';
import type { Fleet } from '../../../router/fleet.ts';
import { localMember } from '../../../router/shards/member.ts';
import { RpcError } from '../../../rpc/errors.ts';
import { listen, type RpcServer } from '../../../rpc/socket/server.ts';
import { openSocketTransport } from '../../../rpc/socket/socket-transport.ts';
import type { Params } from '../../../rpc/transport.ts';
import { uniform } from '../../support/random.ts';
import { createTestShard, fleetOf, model, socketOf, stateOf, step, unitsOf } from '../shards.ts';
import { testGoldens } from './goldens.ts';

const all = [0, 1, 2, 3, 4, 5];

interface Leaving {
  server: RpcServer;
  drain(options?: Params): Promise<unknown>;
}

/** A shard that can be drained like one of `expertgrid shard`. */
async function shardWith(experts: number[], { waitMs = 2_000, change = {} } = {}): Promise<Leaving> {
  const { service } = await createTestShard({ units: unitsOf(experts) });
  const leave = new Leave({
    callers: () => server.callers(),
    models: new Map([[model.identity, model]]),
    waitMs,
  });
  const admin = adminHandlers({
    report: () => ({
      state: service.state,
      units: 0,
      ...service.counts,
      name: 'a',
      residentBytes: 0,
      models: [],
    }),
    async drain({ force }) {
      if (!force) await leave.permission();
      server.broadcast('draining', {});
      await service.drain();
      return { safeToDelete: true, ...service.counts };
    },
  });
  const handlers = { ...service.handlers, ...admin, ...leave.handlers, ...change };
  const server = await listen({ handlers });
  onTestFinished(() => server.close({ graceMs: 0 }));
  return {
    server,
    async drain(options = {}) {
      const hello = helloParams({ protocol: 1, role: 'admin', version: 'test' });
      const transport = await openSocketTransport(server.address, { hello });
      onTestFinished(() => transport.close());
      return await transport.call('shard.drain', options, { deadlineMs: 10_000 });
    },
  };
}

function gatewayOver(...shards: Leaving[]): Promise<Fleet> {
  return fleetOf(shards.map(({ server }) => socketOf(server)));
}

function nameOf({ server: { address } }: Leaving): string {
  return `${address.host}:${address.port}`;
}

const left = expect.objectContaining({ safeToDelete: true });
const needed = (message: string) => expect.objectContaining({ code: 'needed', message });

describe('a shard that is asked to drain', () => {
  test('stays if no other shard serves some of its units, and the error names these units', async () => {
    const [a, b] = [await shardWith(all), await shardWith([0, 4, 5])];
    const gateway = await gatewayOver(a, b);
    await expect(a.drain()).rejects.toEqual(needed('no other shard serves layers 0-1: experts 1-3'));
    expect(stateOf(gateway, nameOf(a))).toBe('available');
    expect(await b.drain()).toEqual(left);
  });

  test('may leave if the gateway holds its units itself, but not while another gateway has no other replica', async () => {
    const a = await shardWith(all);
    const { service } = await createTestShard();
    const own = await fleetOf([
      socketOf(a.server),
      localMember('in-process-0', service.handlers, service.run),
    ]);
    const other = await gatewayOver(a);
    await expect(a.drain()).rejects.toEqual(
      needed('no other shard serves layers 0-1: experts 0-5 (according to 1 of 2 gateways)'),
    );
    other.close();
    expect(await a.drain()).toEqual(left);
    await expect.poll(() => stateOf(own, nameOf(a))).not.toBe('available');
    expect(own.ready).toBe(true);
    const asked = step(6, 2);
    expect((await dispatch({ fleet: own, ...asked })).failed.size).toBe(0);
  });

  test('leaves anyway when it is forced', async () => {
    const a = await shardWith(all);
    const gateway = await gatewayOver(a);
    expect(await a.drain({ force: true })).toEqual(left);
    expect(gateway.ready).toBe(false);
  });

  test('leaves if no gateway is connected, or only a gateway of a release without this feature', async () => {
    const [a, b] = [await shardWith(all), await shardWith(all)];
    expect(await a.drain()).toEqual(left);
    const old = helloParams({ protocol: 1, role: 'gateway', version: '0.0.1' });
    const transport = await openSocketTransport(b.server.address, { hello: old });
    expect(await b.drain()).toEqual(left);
    transport.close();
  });

  test('does not leave together with the only other shard that holds its units', async () => {
    const [a, b] = [await shardWith(all), await shardWith(all)];
    const gateway = await gatewayOver(a, b);
    const outcomes = await Promise.allSettled([a.drain(), b.drain()]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(outcomes).toContainEqual({
      status: 'rejected',
      reason: needed(
        'no other shard serves layers 0-1: experts 0-5, because another shard that holds them is leaving',
      ),
    });
    await expect.poll(() => gateway.status().filter(({ units }) => units > 0)).toHaveLength(1);
    expect(gateway.ready).toBe(true);
  });

  test('counts as a holder again if it stays', async () => {
    const [a, b] = [await shardWith(all), await shardWith(all)];
    await gatewayOver(a, b);
    await gatewayOver(a); // this gateway is connected to no other shard
    await expect(a.drain()).rejects.toEqual(
      needed('no other shard serves layers 0-1: experts 0-5 (according to 1 of 2 gateways)'),
    );
    expect(await b.drain()).toEqual(left);
  });

  test('stays if a gateway does not answer in time, and the error says so', async () => {
    const a = await shardWith(all, { waitMs: 30 });
    const hello = helloParams({ protocol: 1, role: 'gateway', version: 'mute', features: ['leave'] });
    const mute = await openSocketTransport(a.server.address, { hello });
    onTestFinished(() => mute.close());
    await expect(a.drain()).rejects.toEqual(
      needed('its gateway did not say within 0.03 s whether other shards serve its experts'),
    );
    await gatewayOver(a, await shardWith(all));
    await expect(a.drain()).rejects.toEqual(
      needed('1 of 2 gateways did not say within 0.03 s whether other shards serve its experts'),
    );
  });

  test('does not wait for a gateway that disconnects in the meantime', async () => {
    const a = await shardWith(all, { waitMs: 60_000 });
    const asked = Promise.withResolvers<void>();
    const hello = helloParams({ protocol: 1, role: 'gateway', version: 'mute', features: ['leave'] });
    const mute = await openSocketTransport(a.server.address, {
      hello,
      onNotification: () => asked.resolve(),
    });
    const drained = a.drain();
    await asked.promise;
    mute.close();
    expect(await drained).toEqual(left);
  });
});

test('every unit keeps a holder, however many shards of several gateways are drained at once', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const draw = uniform(seed);
    const held = Array.from({ length: 4 }, () => all.filter(() => draw() < 0.6)).map((experts) =>
      experts.length > 0 ? experts : [0],
    );
    const shards = await Promise.all(held.map((experts) => shardWith(experts)));
    const gateways = [await gatewayOver(...shards), await gatewayOver(...shards.toReversed())];
    const before = gateways.map((gateway) => gateway.missing());
    const outcomes = await Promise.allSettled(
      shards.map(async (shard) => {
        await new Promise((resolve) => setTimeout(resolve, Math.floor(4 * draw())));
        return await shard.drain();
      }),
    );
    const leavers = outcomes.filter(({ status }) => status === 'fulfilled').length;
    for (const [i, gateway] of gateways.entries()) {
      await gateway.until(
        () => gateway.status().filter(({ units }) => units > 0).length === 4 - leavers,
        5_000,
      );
      expect(gateway.missing()).toEqual(before[i]);
    }
  }
});

describe('a replica does not count as a holder', () => {
  test('while it is away', async () => {
    const [a, b] = [await shardWith(all), await shardWith(all)];
    const gateway = await gatewayOver(a, b);
    await b.server.close({ graceMs: 0 });
    await expect.poll(() => stateOf(gateway, nameOf(b))).toBe('away');
    await expect(a.drain()).rejects.toMatchObject({ code: 'needed' });
  });

  test('while it drains', async () => {
    const [a, b] = [await shardWith(all), await shardWith(all)];
    const gateway = await gatewayOver(a, b);
    expect(await b.drain()).toEqual(left);
    expect(stateOf(gateway, nameOf(b))).toBe('draining');
    await expect(a.drain()).rejects.toMatchObject({ code: 'needed' });
  });

  test('while it is cordoned', async () => {
    const a = await shardWith(all);
    const { service } = await createTestShard();
    const run = service.handlers['expert.run']!;
    let fails = false;
    const failing: typeof run = (...call) => {
      if (fails) throw new RpcError('internal', 'its device fails');
      return run(...call);
    };
    const b = await shardWith(all, { change: { 'expert.run': failing } });
    const members = [socketOf(b.server), socketOf(a.server)];
    const gateway = await fleetOf(members, { goldens: await testGoldens() });
    fails = true;
    await dispatch({ fleet: gateway, ...step(1, 1) });
    await expect.poll(() => stateOf(gateway, nameOf(b))).toBe('cordoned');
    await expect(a.drain()).rejects.toMatchObject({ code: 'needed' });
  });

  test('if it is a standby, and a standby may always leave', async () => {
    const a = await shardWith(all);
    const { service } = await createTestShard({ model: { ...model, standby: true } });
    const standby = await shardWith(all, { change: { hello: service.handlers.hello! } });
    await gatewayOver(a, standby);
    await expect(a.drain()).rejects.toMatchObject({ code: 'needed' });
    expect(await standby.drain()).toEqual(left);
  });
});

test('units are listed by layer, and layers with equal units are joined', () => {
  expect(
    formatUnits([
      [0, 24, 47],
      [2, 0, 3],
      [1, 24, 40],
      [1, 41, 47],
      [5, 24, 47],
    ]),
  ).toBe('layers 0-1,5: experts 24-47; layer 2: experts 0-3');
  expect(formatUnits([])).toBe('');
});
