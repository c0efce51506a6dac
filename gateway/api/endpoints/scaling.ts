// GET /v1/scaling: what an autoscaler needs to know of the gateway and of each group of shards.
import type { Context } from 'hono';
import type { ShardStatus } from '../../engine/messages.ts';
import type { ApiContext } from '../context.ts';
import type { Shared } from '../shared.ts';
import { statusInTime } from './engine-status.ts';

interface Group {
  model: string;
  /** The experts that each shard of the group holds, in the format of the flag --experts. */
  experts: string;
  shards: number;
  in_flight: number;
  rows_per_second: number;
  hop_p99_ms: number | null;
}

export async function showScaling(c: Context, { served }: Shared): Promise<Response> {
  const models = [...served.contexts].map(([model, { engine }]) => {
    const { running, waiting, waitingSince, usedBlocks, blocks } = engine.load();
    const queue = waitingSince === 0 ? 0 : Math.max(0, (Date.now() - waitingSince) / 1_000);
    const used = blocks === 0 ? 0 : usedBlocks / blocks;
    return { model, running, waiting, queue_seconds: rounded(queue), kv_used: rounded(used) };
  });
  const groups = await Promise.all([...served.contexts].map(([model, context]) => groupsOf(model, context)));
  const worst = (of: (each: (typeof models)[number]) => number) => Math.max(0, ...models.map(of));
  return c.json({
    object: 'scaling',
    running: models.reduce((sum, { running }) => sum + running, 0),
    waiting: models.reduce((sum, { waiting }) => sum + waiting, 0),
    queue_seconds: worst((each) => each.queue_seconds),
    kv_used: worst((each) => each.kv_used),
    models,
    groups: groups.flat(),
  });
}

/** Empty if the engine does not answer in time. */
async function groupsOf(model: string, context: ApiContext): Promise<Group[]> {
  const shards = (await statusInTime(context))?.shards ?? [];
  const serving = shards.filter(({ state, units }) => state === 'available' && units > 0);
  return [...Map.groupBy(serving, ({ experts }) => experts)].map(([experts, group]) => {
    const known = group.flatMap(({ p99Ms }) => p99Ms ?? []);
    const sum = (of: (shard: ShardStatus) => number) => group.reduce((total, shard) => total + of(shard), 0);
    return {
      ...{ model, experts, shards: group.length },
      in_flight: sum(({ inFlight }) => inFlight),
      rows_per_second: rounded(sum(({ rowsPerSecond }) => rowsPerSecond)),
      hop_p99_ms: known.length === 0 ? null : rounded(Math.max(...known)),
    };
  });
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
