import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { dispatch } from '../../../router/dispatch.ts';
import { Fleet } from '../../../router/fleet.ts';
import { localMember, type Member, socketMember } from '../../../router/shards/member.ts';
import { createServedShard, servedModel as model, servedUnits } from '../../experts/served.ts';
import { normal } from '../../support/random.ts';
import type { ServedShardData } from '../served-shard-worker.ts';

const { hidden, experts } = model;
const all = [0, 1, 2, 3, 4, 5];

async function startShard(workerData: ServedShardData): Promise<{ member: Member; worker: Worker }> {
  const worker = new Worker(new URL('../served-shard-worker.ts', import.meta.url), { workerData });
  onTestFinished(async () => void (await worker.terminate()));
  const [address] = await once(worker, 'message');
  return { member: socketMember(address), worker };
}

async function fleetOf(members: Member[], random = () => 0): Promise<Fleet> {
  const policy = { hedgeBudget: 0, auditShare: 0, patienceMs: 5_000 };
  const fleet = new Fleet({ members, model, random, policy });
  onTestFinished(() => fleet.close());
  await fleet.whenReady(10_000);
  await fleet.until(() => fleet.status().every(({ state }) => state === 'available'), 10_000);
  return fleet;
}

/** Rows for every expert of layer 1, in turns. */
function step(rows: number, seed: number) {
  const x = Float32Array.from({ length: rows * hidden }, normal(seed));
  const ofRow = Uint16Array.from({ length: rows }, (_, row) => row % experts);
  const assignment = { k: 1, experts: ofRow, weights: new Float32Array(rows).fill(1) };
  const identity = model.identity;
  return { model: identity, layer: 1, x, hidden, assignment, deadlineMs: 10_000, mayBlock: true };
}

async function rightAnswers({ x, assignment }: ReturnType<typeof step>): Promise<number[]> {
  const { device } = await createServedShard(servedUnits);
  const asks = Array.from(assignment.experts, (expert, row) => [row, expert]).flat();
  return [...(await device.run(1, x, Uint16Array.from(asks)))];
}

/** Runs a step. `turned`: whether the event loop has turned until the answers were there. */
async function run(fleet: Fleet, asked: ReturnType<typeof step>, signal?: AbortSignal) {
  let turned = false;
  const immediate = setImmediate(() => {
    turned = true;
  });
  const { answers, failed } = await dispatch({ fleet, ...asked, ...(signal && { signal }) });
  clearImmediate(immediate);
  return { answers: [...answers], failed, turned };
}

test('once its units have run, a layer is answered within one exchange, without the event loop', async () => {
  const [a, b] = [
    await startShard({ experts: [0, 1, 2], delayMs: 0 }),
    await startShard({ experts: [3, 4, 5], delayMs: 0 }),
  ];
  const fleet = await fleetOf([a.member, b.member]);
  const turns: boolean[] = [];
  for (let seed = 1; seed <= 30; seed++) {
    const asked = step(1 + (seed % 9), seed);
    const { answers, failed, turned } = await run(fleet, asked);
    expect(failed.size).toBe(0);
    expect(answers).toEqual(await rightAnswers(asked));
    turns.push(turned);
  }
  // The first calls of each unit are answered in another layout. A busy machine may delay some answers later.
  expect(turns.slice(10).filter((turned) => !turned).length).toBeGreaterThan(10);
  expect(fleet.sleptMs).toBeGreaterThan(0);
  const { counters } = fleet;
  const rows = Array.from({ length: 30 }, (_, i) => 1 + ((i + 1) % 9)).reduce((sum, each) => sum + each, 0);
  expect(counters).toMatchObject({
    rows,
    bytesSent: rows * hidden * 4,
    bytesReceived: rows * hidden * 4,
    failures: 0,
  });
  expect(fleet.status().map(({ inFlight }) => inFlight)).toEqual([0, 0]);
});

test('shards in this thread compute while the frames are out', async () => {
  const { member } = await startShard({ experts: [0, 1, 2], delayMs: 0 });
  const { service } = await createServedShard(servedUnits.filter(({ expert }) => expert > 2));
  const fleet = await fleetOf([member, localMember('in-process-0', service.handlers, service.run)]);
  for (let seed = 1; seed <= 5; seed++) {
    const asked = step(12, seed);
    expect((await run(fleet, asked)).answers).toEqual(await rightAnswers(asked));
  }
});

test('an answer that comes later than an exchange waits is taken in the event loop', async () => {
  const { member } = await startShard({ experts: all, delayMs: 30 });
  const fleet = await fleetOf([member]);
  const asked = step(7, 3);
  const { answers, turned } = await run(fleet, asked);
  expect(answers).toEqual(await rightAnswers(asked));
  expect(turned).toBe(true);
});

test('rows of a shard that dies during an exchange go to another replica', async () => {
  const slow = await startShard({ experts: all, delayMs: 60_000 });
  const other = await startShard({ experts: all, delayMs: 0 });
  const fleet = await fleetOf([slow.member, other.member]);
  const asked = step(7, 4);
  const answer = run(fleet, asked);
  setTimeout(() => void slow.worker.terminate(), 20);
  const { answers, failed } = await answer;
  expect(failed.size).toBe(0);
  expect(answers).toEqual(await rightAnswers(asked));
  expect(fleet.calls.retried).toBeGreaterThan(0);
});

test('an abort ends the wait for late answers', async () => {
  const { member } = await startShard({ experts: all, delayMs: 60_000 });
  const fleet = await fleetOf([member]);
  const abort = new AbortController();
  const answer = run(fleet, step(3, 5), abort.signal);
  setTimeout(() => abort.abort(), 20);
  const { failed } = await answer;
  expect([...failed.values()].map(({ code }) => code)).toEqual(['cancelled', 'cancelled', 'cancelled']);
});
