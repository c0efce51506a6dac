// The admin calls of a shard: `shard.status` and `shard.drain`.
import { afterEach, expect, test } from 'vitest';
import { adminHandlers, type DrainAnswer, parseDrainAnswer } from '../../experts/admin.ts';
import { runRequestToParams } from '../../experts/wire/run.ts';
import { openLocalTransport } from '../../rpc/local.ts';
import type { Transport } from '../../rpc/transport.ts';
import { createTestShard, model, type TestShard } from './shard.ts';

const soon = { deadlineMs: 60_000 };
const opened: Transport[] = [];
afterEach(() => {
  for (const transport of opened.splice(0)) transport.close();
});

function handlersOf({ service }: TestShard) {
  const rest = { name: 'a', residentBytes: 5e7, models: [] };
  const report = () => ({ state: service.state, units: 12, ...service.counts, ...rest });
  const drain = async (): Promise<DrainAnswer> => {
    await service.drain();
    return { safeToDelete: true, ...service.counts };
  };
  return { ...service.handlers, ...adminHandlers({ report, drain }) };
}

async function connect(shard: TestShard, role: string): Promise<Transport> {
  const hello = { protocol: 1, role, version: 'test' };
  const transport = await openLocalTransport(handlersOf(shard), { hello });
  opened.push(transport);
  return transport;
}

const request = runRequestToParams({
  model: model.identity,
  layer: 1,
  priority: 0,
  trace: 't',
  epoch: 0,
  rows: new Float32Array(model.hidden).fill(1),
  asks: Uint16Array.of(0, 3),
});

test.each(['shard.status', 'shard.drain'])(
  '%s is refused with unproven and changes nothing if a gateway calls it',
  async (method) => {
    const shard = await createTestShard();
    const gateway = await connect(shard, 'gateway');
    await expect(gateway.call(method, {}, soon)).rejects.toMatchObject({
      code: 'unproven',
      message: 'only a connection whose hello has the role admin may call this',
    });
    expect(shard.service.state).toBe('available');
    await gateway.call('expert.run', request, soon);
  },
);

test('shard.status answers the state, counts, memory and models of the shard', async () => {
  const shard = await createTestShard();
  const [gateway, admin] = [await connect(shard, 'gateway'), await connect(shard, 'admin')];
  await gateway.call('expert.run', request, soon);
  expect(await admin.call('shard.status', {}, soon)).toEqual({
    state: 'available',
    units: 12,
    answered: 1,
    inFlight: 0,
    name: 'a',
    residentBytes: 5e7,
    models: [],
  });
});

test('shard.drain answers after the calls in flight, and later calls are refused', async () => {
  const shard = await createTestShard();
  const [gateway, admin] = [await connect(shard, 'gateway'), await connect(shard, 'admin')];
  const order: string[] = [];
  const calls = [1, 2, 3].map(() => gateway.call('expert.run', request, soon).then(() => order.push('call')));
  await new Promise<void>((resolve) => queueMicrotask(resolve)); // the calls are in flight now
  const drained = admin.call('shard.drain', {}, soon).then((answer) => {
    order.push('drained');
    return parseDrainAnswer(answer);
  });
  expect(await drained).toEqual({ safeToDelete: true, answered: 3, inFlight: 0 });
  await Promise.all(calls);
  expect(order.slice(0, 3)).toEqual(['call', 'call', 'call']);
  await expect(gateway.call('expert.run', request, soon)).rejects.toMatchObject({
    code: 'draining',
    retryable: true,
  });
  expect(await admin.call('shard.status', {}, soon)).toMatchObject({ state: 'draining', inFlight: 0 });
});

test('parseDrainAnswer refuses a malformed answer and names the wrong field', () => {
  expect(() => parseDrainAnswer({ safeToDelete: 1 })).toThrow('must hold safeToDelete');
  expect(() => parseDrainAnswer(null)).toThrow('must be a map');
  expect(() => parseDrainAnswer({ safeToDelete: true, answered: 1e308, inFlight: 0 })).toThrow(
    'answered must be',
  );
});
