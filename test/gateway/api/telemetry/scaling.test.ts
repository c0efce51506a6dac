// GET /v1/scaling over an engine that says how busy it is.
import { expect, test } from 'vitest';
import { noCounters } from '../../../../router/shards/shard-counters.ts';
import { openRoom } from '../harness.ts';

const shard = {
  ...{ inProcess: false, zone: undefined, state: 'available' as const, since: 0, connected: true, units: 48 },
  ...{ numericsClass: 'cpu-1', standby: false, weightBytes: 1, residentBytes: 1, expectedMs: 1 },
  counters: noCounters(),
};

test('has the queue and KV memory of each model, and the load of each group of shards', async () => {
  const { url } = await openRoom({
    load: { running: 3, waiting: 2, waitingSince: Date.now() - 4_000, usedBlocks: 5, blocks: 20 },
    status: {
      shards: [
        { ...shard, address: 'a', experts: '0-47', inFlight: 1, p99Ms: 2, rowsPerSecond: 10.5 },
        { ...shard, address: 'b', experts: '0-47', inFlight: 2, p99Ms: 7.25, rowsPerSecond: 20 },
        { ...shard, address: 'c', experts: '48-95', inFlight: 0, p99Ms: undefined, rowsPerSecond: 0 },
        {
          ...shard,
          address: 'd',
          experts: '48-95',
          state: 'away',
          inFlight: 9,
          p99Ms: 9,
          rowsPerSecond: 9,
        },
      ],
    },
  });
  const answer = await fetch(`${url}/v1/scaling`);
  const told = (await answer.json()) as { queue_seconds: number; models: unknown[]; groups: unknown[] };
  expect(told).toMatchObject({ object: 'scaling', running: 3, waiting: 2, kv_used: 0.25 });
  expect(told.queue_seconds).toBeGreaterThanOrEqual(4);
  expect(told.queue_seconds).toBeLessThan(30);
  expect(told.models).toEqual([expect.objectContaining({ running: 3, waiting: 2, kv_used: 0.25 })]);
  const model = expect.any(String);
  expect(told.groups).toEqual([
    { model, experts: '0-47', shards: 2, in_flight: 3, rows_per_second: 30.5, hop_p99_ms: 7.25 },
    { model, experts: '48-95', shards: 1, in_flight: 0, rows_per_second: 0, hop_p99_ms: 0 },
  ]);
});

test('waits for no engine longer than for any status, and then has no groups', async () => {
  const { url } = await openRoom({ statusMs: 2_000, limits: { statusMs: 20 } });
  expect(await (await fetch(`${url}/v1/scaling`)).json()).toMatchObject({ queue_seconds: 0, groups: [] });
});

test('has the same on the page of metrics', async () => {
  const { url } = await openRoom({
    load: { waitingSince: Date.now() - 4_000, usedBlocks: 5, blocks: 20 },
    status: {
      shards: [{ ...shard, address: 'a', experts: '0-47', inFlight: 1, p99Ms: 2, rowsPerSecond: 10.5 }],
    },
  });
  const page = await (await fetch(`${url}/metrics`)).text();
  const { models, groups } = (await (await fetch(`${url}/v1/scaling`)).json()) as {
    models: [{ model: string; queue_seconds: number }];
    groups: unknown[];
  };
  const [{ model, queue_seconds: queue }] = models;
  expect(queue).toBeGreaterThanOrEqual(4);
  expect(groups).toHaveLength(1);
  expect(page).toMatch(
    new RegExp(`^expertgrid_model_queue_seconds\\{model="${model}"\\} [4-9](\\.\\d+)?$`, 'm'),
  );
  for (const line of [
    `expertgrid_model_kv_used_ratio{model="${model}"} 0.25`,
    `expertgrid_group_in_flight_calls{model="${model}",experts="0-47"} 1`,
    `expertgrid_group_rows_per_second{model="${model}",experts="0-47"} 10.5`,
    `expertgrid_group_hop_p99_seconds{model="${model}",experts="0-47"} 0.002`,
  ]) {
    expect(page.split('\n')).toContain(line);
  }
});
