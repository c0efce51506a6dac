// POST /v1/shards/drain through HTTP: who may drain which shard, and how each outcome is answered. test/e2e/fleet/drain.slow.test.ts
// checks that a shard really leaves.
import { expect, test } from 'vitest';
import type { DrainOutcome } from '../../../../gateway/api/endpoints/drain.ts';
import { hashKey } from '../../../../gateway/api/tenants/keys.ts';
import type { ShardStatus } from '../../../../router/shard-status.ts';
import { noCounters } from '../../../../router/shards/shard-counters.ts';
import { openRoom, type RoomOptions } from '../harness.ts';

const ADDRESS = '127.0.0.1:7001';
const shard: ShardStatus = {
  inProcess: false,
  zone: undefined,
  ...{ address: ADDRESS, state: 'available', since: 1_790_000_000_000, connected: true, units: 16 },
  ...{ experts: '0-7', numericsClass: 'cpu-1', standby: false, weightBytes: 1, residentBytes: 2 },
  ...{ inFlight: 0, expectedMs: 0.25, p99Ms: 2.5, rowsPerSecond: 40, counters: noCounters() },
};
const gone: DrainOutcome = { type: 'drained', answered: 5, inFlight: 0 };

interface Asked {
  address: string;
  force: boolean;
}

async function open(outcome: DrainOutcome, api: RoomOptions['api'] = {}) {
  const asked: Asked[] = [];
  const drainShard = async (address: string, { force }: { force: boolean }) => {
    asked.push({ address, force });
    return outcome;
  };
  const room = await openRoom({ status: { shards: [shard] }, api: { drainShard, ...api } });
  const drain = async (body: object, headers = {}) => {
    const { status, body: answer } = await room.post('/v1/shards/drain', body, { headers });
    return { status, answer: answer as object, code: answer.error?.code };
  };
  return { asked, drain };
}

test('answers 200 with the counts of calls if the shard has left', async () => {
  const { asked, drain } = await open(gone);
  expect(await drain({ address: ADDRESS })).toMatchObject({
    status: 200,
    answer: { address: ADDRESS, safe_to_delete: true, answered: 5, in_flight: 0 },
  });
  expect(asked).toEqual([{ address: ADDRESS, force: false }]);
  const cut = await open({ type: 'drained', answered: 5, inFlight: 2 });
  expect((await cut.drain({ address: ADDRESS, force: true })).answer).toMatchObject({
    safe_to_delete: false,
    in_flight: 2,
  });
  expect(cut.asked).toEqual([{ address: ADDRESS, force: true }]);
});

test.each<[number, string, DrainOutcome]>([
  [409, 'only_holder', { type: 'refused', message: 'nobody else serves layer 0: 0-3' }],
  [403, 'insufficient_permissions', { type: 'unproven', message: 'gateway-1 is no name for the role admin' }],
  [503, 'shard_unavailable', { type: 'failed', message: 'connection refused' }],
])('answers %i with the code %s if the shard was not drained', async (status, code, outcome) => {
  const { drain } = await open(outcome);
  const answer = await drain({ address: ADDRESS });
  expect([answer.status, answer.code]).toEqual([status, code]);
  expect(JSON.stringify(answer.answer)).toContain('message' in outcome ? outcome.message : '');
});

test('an error names models by the ids that clients use', async () => {
  // The engine of the room has the identity `fake`.
  const { drain } = await open({
    type: 'refused',
    message: 'no other shard serves layer 0: experts 0-3 of fake',
  });
  expect(JSON.stringify((await drain({ address: ADDRESS })).answer)).toContain('experts 0-3 of fake-moe');
});

test('drains only addresses of its own shards, and answers 404 for others', async () => {
  const { asked, drain } = await open(gone);
  for (const address of ['127.0.0.1:7002', 'metadata.internal:80', `${ADDRESS} `]) {
    expect(await drain({ address })).toMatchObject({ status: 404, code: 'shard_not_found' });
  }
  expect((await drain({})).status).toBe(400);
  expect(asked).toEqual([]);
});

test('requires a key made with --admin, or a gateway on loopback if there are no keys', async () => {
  const made = '2026-01-31T12:00:00.000Z';
  const plain = { name: 'plain', created: made, sha256: hashKey('eg-plain') };
  const admin = { name: 'admin', created: made, sha256: hashKey('eg-admin'), admin: true };
  const keyed = await open(gone, {
    access: { keys: () => [plain, admin] },
    hosts: { loopback: false, allowed: ['*'] },
  });
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
  expect((await keyed.drain({ address: ADDRESS })).status).toBe(401);
  expect((await keyed.drain({ address: ADDRESS }, bearer('eg-plain'))).status).toBe(403);
  expect((await keyed.drain({ address: ADDRESS }, bearer('eg-admin'))).status).toBe(200);
  const exposed = await open(gone, { hosts: { loopback: false } });
  expect(await exposed.drain({ address: ADDRESS })).toMatchObject({
    status: 403,
    code: 'insufficient_permissions',
  });
  expect(exposed.asked).toEqual([]);
});

test('answers 409 if the shards run in the gateway’s own process', async () => {
  const room = await openRoom({ status: { shards: [shard] } });
  const { status, body } = await room.post('/v1/shards/drain', { address: ADDRESS });
  expect([status, body.error.code]).toEqual([409, 'shard_in_process']);
});

test('answers 409 for the experts that the gateway holds itself beside other shards', async () => {
  const asked: string[] = [];
  const own = { ...shard, address: 'in-process-0', inProcess: true };
  const room = await openRoom({
    status: { shards: [shard, own] },
    api: {
      async drainShard(address) {
        asked.push(address);
        return gone;
      },
    },
  });
  const refused = await room.post('/v1/shards/drain', { address: 'in-process-0' });
  expect([refused.status, refused.body.error.code]).toEqual([409, 'shard_in_process']);
  expect((await room.post('/v1/shards/drain', { address: ADDRESS })).status).toBe(200);
  expect(asked).toEqual([ADDRESS]);
});
