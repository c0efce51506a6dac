import { afterEach, describe, expect, test } from 'vitest';
import { dispatch } from '../../router/dispatch.ts';
import { Fleet } from '../../router/fleet.ts';
import { localMember, type Member, socketMember } from '../../router/shards/member.ts';
import { RpcError } from '../../rpc/errors.ts';
import { openLocalTransport } from '../../rpc/local.ts';
import { listen, type RpcServer } from '../../rpc/socket/server.ts';
import { createTestShard, model, type TestShardOptions } from '../experts/shard.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function fleetOf(members: Member[], log: string[] = []): Fleet {
  const fleet = new Fleet({
    members,
    model,
    policy: { patienceMs: 50, hedgeBudget: 0, auditShare: 0 },
    log: (level, message) => log.push(`${level} ${message}`),
  });
  closers.push(() => fleet.close());
  return fleet;
}

async function serve(options: TestShardOptions = {}, port = 0): Promise<RpcServer> {
  const { service } = await createTestShard(options);
  const server = await listen({ handlers: service.handlers, port });
  closers.push(() => server.close({ graceMs: 100 }));
  return server;
}

function units(layers: number[], experts: number[]) {
  return layers.flatMap((layer) => experts.map((expert) => ({ layer, expert })));
}

const everyExpert = [0, 1, 2, 3, 4, 5];
const oneRow = {
  model: model.identity,
  layer: 0,
  x: new Float32Array(model.hidden).fill(1),
  hidden: model.hidden,
  assignment: { k: 1, experts: Uint16Array.of(0), weights: Float32Array.of(1) },
  deadlineMs: 5_000,
};

test('all units are missing, listed by layer, before any shard is connected', () => {
  const fleet = fleetOf([]);
  expect(fleet.ready).toBe(false);
  expect(fleet.missing()).toEqual([
    { layer: 0, experts: '0-5' },
    { layer: 1, experts: '0-5' },
  ]);
});

test('the units of several shards add up, and "missing" lists units that no shard holds', async () => {
  const first = await createTestShard({ units: units([0, 1], [0, 1, 2]) });
  const second = await createTestShard({ units: [...units([0], [3, 4, 5]), ...units([1], [2, 4])] });
  const fleet = fleetOf([
    localMember('a', first.service.handlers),
    localMember('b', second.service.handlers),
  ]);
  expect(await fleet.whenReady(50)).toBe(false);
  expect(fleet.missing()).toEqual([{ layer: 1, experts: '3,5' }]);
  expect(fleet.status()).toEqual([
    expect.objectContaining({ address: 'a', state: 'available', units: 6, numericsClass: 'plain-f32' }),
    expect.objectContaining({ address: 'b', state: 'available', units: 5, numericsClass: 'plain-f32' }),
  ]);
  expect(fleet.numericsClasses).toEqual(['plain-f32']);
});

test('the holder with fewer calls in flight is called', async () => {
  const waiting = {
    ...(await createTestShard()).service.handlers,
    'expert.run': () => new Promise<null>(() => {}),
  };
  const fleet = fleetOf([localMember('a', waiting), localMember('b', waiting)]);
  await expect
    .poll(() => fleet.numericsClasses.length && fleet.status().every(({ connected }) => connected))
    .toBe(true);
  const inFlight = () => fleet.status().map((shard) => shard.inFlight);
  for (let calls = 1; calls <= 6; calls++) {
    void dispatch({ fleet, ...oneRow });
    expect(Math.max(...inFlight()) - Math.min(...inFlight())).toBe(calls % 2);
  }
});

describe('a shard that does not fit is not used, and the log says why', () => {
  const offer = { ...model, content: 'c', bits: 4, group: 32 };
  const cases: [string, TestShardOptions, string][] = [
    [
      'another model',
      { model: { ...offer, identity: 'other' } },
      'it serves other; this gateway serves test-model',
    ],
    ['another width', { model: { ...offer, hidden: 16 } }, 'its model has hidden 16'],
    ['more experts', { model: { ...offer, experts: 7 } }, 'its model has experts 7'],
    ['more layers', { model: { ...offer, layers: 3 } }, 'its model has layers 3'],
  ];
  test.each(cases)('%s', async (_name, options, reason) => {
    const log: string[] = [];
    const { service } = await createTestShard(options);
    const fleet = fleetOf([localMember('odd', service.handlers)], log);
    await expect.poll(() => log).toHaveLength(1);
    expect(log[0]).toContain(`warn shard odd is not used: ${reason}`);
    expect(fleet.status()).toMatchObject([{ connected: false, units: 0 }]);
  });

  test('a malformed answer to hello', async () => {
    const log: string[] = [];
    fleetOf([localMember('odd', { hello: async () => ({ protocol: 'one' }) })], log);
    await expect
      .poll(() => log.join())
      .toContain('its answer to hello is malformed: protocol must be an integer');
  });

  test('a shard whose messages are very long or have control characters', async () => {
    const log: string[] = [];
    const words = `\u001b[2J\n${'x'.repeat(10_000)}`;
    const hello = async () => {
      throw new RpcError('incompatible', words);
    };
    fleetOf([localMember('odd', { hello })], log);
    await expect.poll(() => log.join()).toMatch(/^warn shard odd is not used: \ufffd\[2J\ufffdx{400,600}…$/);
  });

  test('a later protocol', async () => {
    const log: string[] = [];
    const { service } = await createTestShard();
    const hello = async (...args: Parameters<(typeof service.handlers)[string]>) => {
      const answer = await service.handlers.hello!(...args);
      return Object.assign({}, answer, { protocol: 2 });
    };
    fleetOf([localMember('odd', { hello })], log);
    await expect.poll(() => log.join()).toContain('the peer speaks protocol 2, this side 1');
  });
});

test('a shard that starts late is connected, and a shard that is lost and comes back serves again', async () => {
  const log: string[] = [];
  const first = await serve();
  const { port } = first.address;
  const fleet = fleetOf([socketMember(first.address)], log);
  expect(await fleet.whenReady(5_000)).toBe(true);
  expect((await dispatch({ fleet, ...oneRow })).failed.size).toBe(0);

  await first.close({ graceMs: 100 });
  await expect.poll(() => fleet.ready).toBe(false);
  const { failed } = await dispatch({ fleet, ...oneRow });
  expect(failed.get(0)).toMatchObject({ code: 'unavailable', retryable: true });

  await expect.poll(() => log.some((line) => line.includes('is away'))).toBe(true);
  await serve({}, port);
  expect(await fleet.whenReady(5_000)).toBe(true);
  expect((await dispatch({ fleet, ...oneRow })).failed.size).toBe(0);
  expect(fleet.counters.reconnects).toBe(1);
  expect(log.filter((line) => line.includes('is away'))).toHaveLength(1);
});

test('a shard that drains gets no new rows but answers those in flight', async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { service } = await createTestShard();
  const run = service.handlers['expert.run']!;
  const begun = Promise.withResolvers<void>();
  const slow = async (...args: Parameters<typeof run>) => {
    begun.resolve();
    await gate;
    return run(...args);
  };
  const server = await listen({ handlers: { ...service.handlers, 'expert.run': slow } });
  const fleet = fleetOf([socketMember(server.address)]);
  await fleet.whenReady(5_000);
  const inFlight = dispatch({ fleet, ...oneRow });
  await expect.poll(() => fleet.status()[0]?.inFlight).toBe(1);
  await begun.promise; // a call that arrives after the shard began to drain would be refused
  const { host, port } = server.address;
  const closed = delayed(20).then(() => server.close());
  await expect.poll(() => fleet.ready).toBe(false);
  expect(fleet.status()).toMatchObject([{ address: `${host}:${port}`, connected: true, units: 0 }]);
  release();
  expect((await inFlight).failed.size).toBe(0);
  await closed;
});

test('changed holdings are used as soon as the shard reports them', async () => {
  const server = await serve({ units: units([0, 1], everyExpert) });
  const fleet = fleetOf([socketMember(server.address)]);
  await fleet.whenReady(5_000);
  let changes = 0;
  fleet.onChange(() => changes++);
  server.broadcast('holdings', {
    model: model.identity,
    holdings: [
      [0, 0, 5],
      [1, 0, 3],
    ],
  });
  await expect.poll(() => changes).toBe(1);
  expect(fleet.missing()).toEqual([{ layer: 1, experts: '4-5' }]);
});

test('the status has the memory that a shard reports, and listeners are not called for it', async () => {
  const server = await serve();
  const fleet = fleetOf([socketMember(server.address)]);
  await fleet.whenReady(5_000);
  expect(fleet.status()).toMatchObject([{ residentBytes: undefined }]);
  let changes = 0;
  fleet.onChange(() => changes++);
  server.broadcast('memory', { residentBytes: 60_000_000 });
  await expect.poll(() => fleet.status()[0]?.residentBytes).toBe(60_000_000);
  expect(changes).toBe(0);
});

test('malformed holdings end the connection, and the next hello has the right ones', async () => {
  const log: string[] = [];
  const server = await serve();
  const fleet = fleetOf([socketMember(server.address)], log);
  await fleet.whenReady(5_000);
  server.broadcast('holdings', { model: model.identity, holdings: [[0, 0, 99]] });
  await expect.poll(() => fleet.counters.reconnects).toBe(1);
  expect(log.join()).toContain('holdings must be triples');
  expect(fleet.ready).toBe(true);
});

test('closing the fleet ends an attempt to connect', async () => {
  let opened = false;
  let closed = false;
  const { service } = await createTestShard();
  const member: Member = {
    address: 'slow',
    async connect(options) {
      await delayed(30);
      opened = true;
      const transport = await openLocalTransport(service.handlers, options);
      const { close } = transport;
      return Object.assign(transport, {
        close() {
          closed = true;
          close();
        },
      });
    },
  };
  const fleet = fleetOf([member]);
  fleet.close();
  await expect.poll(() => closed).toBe(true);
  expect(opened).toBe(true);
  expect(fleet.ready).toBe(false);
});

function delayed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
