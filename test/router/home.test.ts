// Fleets in which some experts are held in the gateway's own thread, beside shards that hold the others or the same.
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { RunAnswer, RunRequest } from '../../experts/wire/run.ts';
import { dispatch } from '../../router/dispatch.ts';
import type { Fleet } from '../../router/fleet.ts';
import { localMember, type Member } from '../../router/shards/member.ts';
import { formatAddress } from '../../rpc/address.ts';
import { RpcError } from '../../rpc/errors.ts';
import type { TlsMaterial } from '../../rpc/security/tls.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';
import { createAuthority, type IssueOptions } from '../support/network/certificates.ts';
import type { LateShardData } from './late-shard-worker.ts';
import { testGoldens } from './shards/goldens.ts';
import {
  createTestShard,
  expectRight,
  fleetOf,
  flip,
  memberOf,
  rowFor,
  stateOf,
  step,
  unitsOf,
} from './shards.ts';

const HOME = 'in-process-0';
const all = [0, 1, 2, 3, 4, 5];

type Run = (request: RunRequest) => Promise<RunAnswer>;

/** Experts in this thread. `change` wraps the function that runs them. */
async function home(experts: number[], change: (real: Run) => Run = (real) => real): Promise<Member> {
  const { service } = await createTestShard({ units: unitsOf(experts) });
  return localMember(HOME, service.handlers, change(service.run));
}

/** Changes the answers while `lies()` is true. */
function lying(lies: () => boolean): (real: Run) => Run {
  return (real) => async (request) => {
    const answer = await real(request);
    if (lies()) flip(answer.rows, 3);
    return answer;
  };
}

function countersOf(fleet: Fleet, address: string) {
  return fleet.status().find((shard) => shard.address === address)?.counters;
}

test('rows of the experts in this thread are computed there, even if a shard holds these experts too', async () => {
  const fleet = await fleetOf([memberOf('a', await createTestShard()), await home([0, 1, 2])]);
  const asked = step(40, 3);
  const held = asked.assignment.experts.filter((expert) => expert <= 2).length;
  await expectRight(asked, await dispatch({ fleet, ...asked }));
  expect(countersOf(fleet, HOME)).toMatchObject({ calls: 1, rows: held, rowsHere: held, bytesSent: 0 });
  expect(countersOf(fleet, 'a')).toMatchObject({ calls: 1, rows: 120 - held, rowsHere: 0 });
  expect(fleet.counters).toMatchObject({ rows: 120, rowsHere: held, bytesReceived: (120 - held) * 32 });
});

test('a layer whose experts are all in this thread sends nothing', async () => {
  const fleet = await fleetOf([memberOf('a', await createTestShard()), await home(all)]);
  const asked = step(40, 3);
  await expectRight(asked, await dispatch({ fleet, ...asked }));
  expect(countersOf(fleet, 'a')).toMatchObject({ calls: 0, bytesSent: 0 });
  expect(countersOf(fleet, HOME)).toMatchObject({ calls: 1, rows: 120 });
});

const authority = createAuthority();
const materialOf = (options: IssueOptions): TlsMaterial => ({
  ...authority.issue(options),
  ca: authority.ca,
});

test.each([
  ['a plain connection', undefined, undefined],
  ['TLS', materialOf({ commonName: 'shard-1', ip: ['127.0.0.1'] }), materialOf({ commonName: 'gateway-1' })],
])('over %s, a frame reaches its shard before this thread begins to compute', async (_name, ofShard, own) => {
  const reached = new Int32Array(new SharedArrayBuffer(4));
  const workerData: LateShardData = { reached, material: ofShard };
  const worker = new Worker(new URL('late-shard-worker.ts', import.meta.url), { workerData });
  onTestFinished(async () => void (await worker.terminate()));
  const [address] = await once(worker, 'message');
  const waits: string[] = [];
  const blocking = (real: Run): Run => {
    // The call for expert 0 blocks this thread, as a kernel does, until the other call has reached its shard.
    return (request) => {
      waits.push(Atomics.wait(reached, 0, 0, 20_000));
      return real(request);
    };
  };
  const security = own && { tls: { material: () => own, peers: [] } };
  const member: Member = {
    address: formatAddress(address),
    connect: (options) => openSocketTransport(address, { ...options, ...(security && { security }) }),
  };
  const fleet = await fleetOf([await home([0], blocking), member]);
  await delay(100); // over TLS, a frame waits for the messages before it, such as `shard.adopted` after the hello
  const experts = Uint16Array.of(0, 5);
  const asked = { ...rowFor(0), assignment: { k: 2, experts, weights: Float32Array.of(1, 1) } };
  await expectRight(asked, await dispatch({ fleet, ...asked }));
  expect(waits).not.toContain('timed-out');
  expect(waits).toHaveLength(1);
});

test('runs in this thread do not change after which time a call of a shard is late, and earn no hedges', async () => {
  const fleet = await fleetOf([memberOf('a', await createTestShard()), await home(all)], {
    policy: { hedgeBudget: 0.5 },
  });
  for (let i = 0; i < 150; i++) await dispatch({ fleet, ...rowFor(0) });
  expect(fleet.latencies.decode.late.value).toBeUndefined();
  const spent = Array.from({ length: 100 }, () => fleet.hedges.spend()).filter((did) => did).length;
  const untouched = await fleetOf([memberOf('a', await createTestShard())], { policy: { hedgeBudget: 0.5 } });
  expect(spent).toBe(Array.from({ length: 100 }, () => untouched.hedges.spend()).filter((did) => did).length);
});

describe('experts in this thread that fail or answer wrongly', () => {
  test('are replaced by a shard, are cordoned, and are used again after golden rows were right', async () => {
    let fails = false;
    const failing = (real: Run) => async (request: RunRequest) => {
      if (fails) throw new RpcError('internal', 'the device has failed');
      return await real(request);
    };
    const log: string[] = [];
    const goldens = await testGoldens();
    const fleet = await fleetOf([memberOf('a', await createTestShard()), await home(all, failing)], {
      goldens,
      log: (_, line) => log.push(line),
    });
    fails = true;
    await expectRight(rowFor(2), await dispatch({ fleet, ...rowFor(2) }));
    expect(stateOf(fleet, HOME)).toBe('cordoned');
    expect(log.join()).toContain(`shard ${HOME} is cordoned for 0.25 s: `);
    fails = false;
    await expect.poll(() => stateOf(fleet, HOME)).toBe('available');
    await dispatch({ fleet, ...rowFor(2) });
    expect(countersOf(fleet, 'a')?.calls).toBe(1);
  });

  test('are cordoned by an audit, which the log says, and the answer of the shard is used', async () => {
    let lies = false;
    const log: string[] = [];
    const fleet = await fleetOf(
      [
        memberOf('a', await createTestShard()),
        await home(
          all,
          lying(() => lies),
        ),
      ],
      {
        goldens: await testGoldens(),
        policy: { auditShare: 1 },
        pace: { firstCordonMs: 50 },
        log: (level, line) => log.push(`${level} ${line}`),
      },
    );
    await expectRight(rowFor(2), await dispatch({ fleet, ...rowFor(2) }));
    expect(fleet.calls).toMatchObject({ audited: 1, mismatches: 0 });
    lies = true;
    await expectRight(rowFor(2), await dispatch({ fleet, ...rowFor(2) }));
    expect(fleet.calls).toMatchObject({ audited: 2, mismatches: 1 });
    expect(log.join()).toContain(
      `warn shard ${HOME} is cordoned for 0.05 s: its answer of expert 2 of layer 1 differs from that of a`,
    );
    expect(fleet.ready).toBe(true); // the shard holds every expert too
    lies = false;
    await expect.poll(() => stateOf(fleet, HOME)).toBe('available');
  });

  test('stay cordoned while golden rows are wrong, and experts that only they hold are then missing', async () => {
    let lies = false;
    const fleet = await fleetOf(
      [
        memberOf('a', await createTestShard({ units: unitsOf([0, 1, 2]) })),
        await home(
          all,
          lying(() => lies),
        ),
      ],
      { goldens: await testGoldens(), policy: { auditShare: 1 }, pace: { firstCordonMs: 10 } },
    );
    lies = true;
    await expectRight(rowFor(2), await dispatch({ fleet, ...rowFor(2) }));
    expect(fleet.missing()).toEqual([
      { layer: 0, experts: '3-5' },
      { layer: 1, experts: '3-5' },
    ]);
    await expect.poll(() => fleet.counters.cordons).toBeGreaterThan(1); // golden rows have found it wrong again
    expect(stateOf(fleet, HOME)).not.toBe('available');
    lies = false;
    await expect.poll(() => fleet.ready).toBe(true);
  });

  test('show that a shard is wrong, if the shard is', async () => {
    const wrong = memberOf('a', await createTestShard(), (real) => async (params, context) => {
      const answer = (await real(params, context)) as { rows: Uint8Array };
      const rows = new Float32Array(answer.rows.slice().buffer);
      if (params.trace !== 'golden' || lies) flip(rows, 3);
      return { ...answer, rows: new Uint8Array(rows.buffer) };
    });
    let lies = false;
    const fleet = await fleetOf([wrong, await home(all)], {
      goldens: await testGoldens(),
      policy: { auditShare: 1 },
    });
    lies = true;
    await expectRight(rowFor(2), await dispatch({ fleet, ...rowFor(2) }));
    expect(stateOf(fleet, 'a')).toBe('cordoned');
    expect(stateOf(fleet, HOME)).toBe('available');
  });
});

test('experts in this thread count as replicas, and get no placements', async () => {
  const told: string[] = [];
  const { service } = await createTestShard({ units: unitsOf([0, 1]) });
  const noting = {
    ...service.handlers,
    'shard.place': async () => told.push('place'),
    'shard.adopted': async () => told.push('adopted'),
  };
  const member = localMember(HOME, noting, service.run);
  const fleet = await fleetOf([memberOf('a', await createTestShard()), member]);
  expect(fleet.single()).toEqual([0, 1].map((layer) => ({ layer, experts: '2-5' })));
  expect(fleet.status().map(({ address, inProcess }) => [address, inProcess])).toEqual([
    ['a', false],
    [HOME, true],
  ]);
  expect(fleet.ready).toBe(true);
  await dispatch({ fleet, ...step(4, 2) });
  expect(told).toEqual([]);
});
