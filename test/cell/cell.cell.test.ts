// A cell of four shards and two gateways in containers, started from its rendered objects, behind an edge. Whatever happens to its
// containers, no request fails and no text changes. Prints a table at the end.
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, inject, it } from 'vitest';
import type { CellSpec } from '../../infra/deploy/cell-spec.ts';
import { nano } from '../../infra/deploy/examples.ts';
import { PORTS } from '../../infra/deploy/names.ts';
import { scrape, total } from '../e2e/gateway.ts';
import { afterFile } from '../support/after-file.ts';
import { eventually } from '../support/process.ts';
import { Cell } from './cell.ts';
import { cutOff, eatMemory, wasOomKilled } from './harm.ts';
import type { Ended, Pod } from './pod.ts';
import { removeAll } from './podman.ts';
import { Traffic } from './traffic.ts';

const runName = inject('runName');
const GROUPS = ['low', 'high'];
const REPLICAS = 2;
/** No shard starts with this memory. The manifests give a shard of nano 256 MiB. */
const TOO_LITTLE_MIB = 24;
const PARTITION_MS = 60_000;

/** Every unit is on two shards. */
const spec: CellSpec = {
  ...nano,
  image: inject('image'),
  groups: [
    { name: 'low', experts: '0-47', replicas: REPLICAS, cpu: 0.5 },
    { name: 'high', experts: '48-95', replicas: REPLICAS, cpu: 0.5 },
  ],
  gateways: { replicas: 2, cpu: 1, kvMemoryMiB: 256, edgeSecret: 'edge' },
};

let cell: Cell;
let traffic: Traffic;
/** Pods that Kubernetes would have restarted because of their liveness probes. */
const unhealthy: string[] = [];

beforeAll(async () => {
  afterFile(async () => removeAll(runName));
  cell = await Cell.start(spec, runName, (pod) => unhealthy.push(pod));
  for (const pod of allShards()) await isCalled(pod);
  traffic = await Traffic.open(cell.edge, spec.bundle.name);
  afterFile(async () => console.log(traffic.text()));
});

it('when nothing happens', async () => {
  await expectUnnoticed('nothing', () => delay(10_000));
});

it('when every container is replaced, first the shards of all groups and then the gateways', async () => {
  await expectUnnoticed('rolling replacement', async () => {
    await Promise.all(GROUPS.map(replaceGroup));
    for (const old of [...cell.gateways]) {
      await cell.startGateway();
      expectInTime(await cell.endGateway(old), old);
    }
  });
});

it('when a shard is killed and started again', async () => {
  await expectUnnoticed('kill -9 of a shard', async () => {
    const pod = shard('low', 0);
    await isUsed(pod);
    await pod.kill();
    await isNotCalled(pod);
    await pod.restart();
    await pod.ready(60);
    await isCalled(pod);
  });
});

it('when a gateway is killed and started again', async () => {
  await expectUnnoticed('kill -9 of a gateway', async () => {
    const before = await continuations();
    const pod = await busyGateway();
    await pod.kill();
    await eventually(async () => (await continuations()) > before);
    await pod.restart();
    await pod.ready(60);
  });
});

it('when the kernel kills a shard because its memory is used up', async () => {
  await expectUnnoticed('memory of a shard used up', async () => {
    const pod = shard('high', 1);
    pod.unwatch();
    await eatMemory(pod);
    expect(await pod.exited()).toBe(137);
    expect(await wasOomKilled(pod)).toBe(true);
    await pod.restart();
    await pod.ready(60);
    await isCalled(pod);
  });
});

it('when a shard is replaced by one with too little memory, and that by one with enough', async () => {
  await expectUnnoticed(`limit of ${TOO_LITTLE_MIB} MiB`, async () => {
    await cell.endShard('low', 1);
    const small = await cell.createShard('low', 1, { memoryMiB: TOO_LITTLE_MIB });
    expect(await small.exited()).toBe(137);
    expect(await wasOomKilled(small)).toBe(true);
    await small.restart();
    expect(await small.exited()).toBe(137);
    await small.remove();
    await isCalled(await cell.startShard('low', 1));
  });
});

it('when the packets of a shard are dropped for a minute', async () => {
  await expectUnnoticed('partition of a shard, 60 s', async () => {
    const pod = shard('high', 0);
    const begun = performance.now();
    const heal = await cutOff(pod, cell.host);
    try {
      await isNotCalled(pod);
      await delay(PARTITION_MS - (performance.now() - begun));
    } finally {
      await heal();
    }
    await isCalled(pod);
  });
});

it('when a group is scaled from one shard to three and back', async () => {
  await expectUnnoticed('group scaled 1 to 3 to 1', async () => {
    const name = 'extra';
    await cell.addGroup({ name, experts: '0-95', replicas: 1, cpu: 0.5 });
    const added = [await cell.startShard(name, 1), await cell.startShard(name, 2)];
    for (const pod of [shard(name, 0), ...added]) {
      await isCalled(pod);
      await isUsed(pod);
    }
    for (const ordinal of [2, 1]) expectInTime(await cell.endShard(name, ordinal), shard(name, ordinal));
    await isCalled(shard(name, 0));
  });
});

/** Nothing fails, no text changes and no probe would restart a pod while `happens` runs. */
async function expectUnnoticed(scenario: string, happens: () => Promise<void>): Promise<void> {
  const row = await traffic.during(scenario, happens);
  if (row.failed + row.changed > 0) {
    for (const gateway of cell.gateways) console.log(`${gateway.name}:\n${await gateway.log()}`);
  }
  expect(row).toMatchObject({ failed: 0, changed: 0, errors: [] });
  expect(row.streams).toBeGreaterThan(0);
  expect(row.requests).toBeGreaterThan(row.streams);
  expect(unhealthy).toEqual([]);
}

/** Replaces the shards of a group as its StatefulSet does: from the last to the first, and the next after `minReadySeconds`. */
async function replaceGroup(group: string): Promise<void> {
  for (let ordinal = REPLICAS - 1; ordinal >= 0; ordinal--) {
    const old = shard(group, ordinal);
    expectInTime(await cell.endShard(group, ordinal), old);
    await cell.startShard(group, ordinal);
    await delay(1_000 * cell.minReadySeconds(group));
  }
}

/** A pod ends by itself, before its grace period is over. */
function expectInTime({ code, seconds }: Ended, { spec }: Pod): void {
  expect(code).toBe(0);
  expect(seconds).toBeLessThan(spec.terminationGracePeriodSeconds ?? 0);
}

function shard(group: string, ordinal: number): Pod {
  const pod = cell.shards.get(group)?.[ordinal];
  if (pod === undefined) throw new Error(`group ${group} has no shard ${ordinal}`);
  return pod;
}

function allShards(): Pod[] {
  return [...cell.shards.values()].flat();
}

function isCalled(pod: Pod): Promise<void> {
  return cell.everyGatewayHas(pod, (status) => status?.state === 'available');
}

function isNotCalled(pod: Pod): Promise<void> {
  return cell.everyGatewayHas(pod, (status) => status?.state !== 'available');
}

/** Waits until a gateway has called the shard for a request. */
async function isUsed(pod: Pod): Promise<void> {
  await eventually(async () => {
    const statuses = await Promise.all(cell.gateways.map((gateway) => cell.statusOf(gateway, pod)));
    return statuses.some((status) => (status?.calls ?? 0) > 0);
  });
}

/** A gateway that is running requests. */
function busyGateway(): Promise<Pod> {
  return eventually(async () => {
    for (const gateway of cell.gateways) {
      const samples = await scrape(`http://${gateway.address}:${gateway.portOf(PORTS.metrics)}`);
      if (total(samples, 'expertgrid_sequences_running') > 0) return gateway;
    }
    return undefined;
  });
}

/** Continuations of streams at other gateways, since the start of the edge. */
async function continuations(): Promise<number> {
  return total(await scrape(cell.edge), 'expertgrid_edge_continuations_total');
}
