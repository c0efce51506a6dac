// What an autoscaler needs to know of a gateway and of each group of shards: as JSON, and as gauges of Prometheus.
import type { EngineLoad, ShardStatus } from '../../engine/messages.ts';
import { escaped } from './labels.ts';

/** What one engine says. No shards: it did not answer in time. */
export interface ModelState {
  model: string;
  load: EngineLoad;
  shards: readonly ShardStatus[];
}

interface Load {
  running: number;
  waiting: number;
  /** How long the first request of the queue has waited. */
  queue_seconds: number;
  kv_used: number;
}

interface Group {
  model: string;
  /** The experts that each shard of the group holds, in the format of the flag --experts. */
  experts: string;
  shards: number;
  in_flight: number;
  rows_per_second: number;
  /** 0 if the group computes nothing, so that an old value does not keep shards. */
  hop_p99_ms: number;
}

export interface Scaling extends Load {
  object: 'scaling';
  models: ({ model: string } & Load)[];
  groups: Group[];
}

export function scalingOf(all: readonly ModelState[], now: number): Scaling {
  const models = all.map(({ model, load }) => ({ model, ...loadOf(load, now) }));
  const sum = (of: (each: Load) => number) => models.reduce((total, each) => total + of(each), 0);
  const worst = (of: (each: Load) => number) => Math.max(0, ...models.map(of));
  return {
    object: 'scaling',
    running: sum(({ running }) => running),
    waiting: sum(({ waiting }) => waiting),
    queue_seconds: worst((each) => each.queue_seconds),
    kv_used: worst((each) => each.kv_used),
    models,
    groups: all.flatMap(groupsOf),
  };
}

function loadOf({ running, waiting, waitingSince, usedBlocks, blocks }: EngineLoad, now: number): Load {
  const queue = waitingSince === 0 ? 0 : Math.max(0, (now - waitingSince) / 1_000);
  const used = blocks === 0 ? 0 : usedBlocks / blocks;
  return { running, waiting, queue_seconds: rounded(queue), kv_used: rounded(used) };
}

function groupsOf({ model, shards }: ModelState): Group[] {
  const serving = shards.filter(({ state, units }) => state === 'available' && units > 0);
  return [...Map.groupBy(serving, ({ experts }) => experts)].map(([experts, group]) => {
    const sum = (of: (shard: ShardStatus) => number) => group.reduce((total, shard) => total + of(shard), 0);
    const rows = rounded(sum(({ rowsPerSecond }) => rowsPerSecond));
    const slowest = Math.max(0, ...group.flatMap(({ p99Ms }) => p99Ms ?? []));
    return {
      ...{ model, experts, shards: group.length },
      in_flight: sum(({ inFlight }) => inFlight),
      rows_per_second: rows,
      hop_p99_ms: rows === 0 ? 0 : rounded(slowest),
    };
  });
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

interface Gauge<Of> {
  help: string;
  of: (each: Of) => number;
}

const modelGauges: Readonly<Record<string, Gauge<Load>>> = {
  expertgrid_model_queue_seconds: {
    help: 'How long the first request of the queue has waited',
    of: (load) => load.queue_seconds,
  },
  expertgrid_model_kv_used_ratio: { help: 'Used part of the KV memory, 0 to 1', of: (load) => load.kv_used },
};

const groupGauges: Readonly<Record<string, Gauge<Group>>> = {
  expertgrid_group_in_flight_calls: {
    help: 'Calls of this gateway that shards with these experts compute',
    of: (group) => group.in_flight,
  },
  expertgrid_group_rows_per_second: {
    help: 'Rows that this gateway sends to shards with these experts, mean of about 10 s',
    of: (group) => group.rows_per_second,
  },
  expertgrid_group_hop_p99_seconds: {
    help: '99th percentile of the time of a decode call, of the slowest shard with these experts; 0 without rows',
    of: (group) => group.hop_p99_ms / 1_000,
  },
};

/** The same in the format of Prometheus. */
export function scalingMetrics({ models, groups }: Scaling): string {
  const family = <Of>(
    [name, { help, of }]: [string, Gauge<Of>],
    all: readonly Of[],
    labels: (each: Of) => string,
  ) => {
    const samples = all.map((each) => `${name}{${labels(each)}} ${of(each)}\n`);
    return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${samples.join('')}`;
  };
  const ofModel = ({ model }: { model: string }) => `model="${escaped(model)}"`;
  const ofGroup = (group: Group) => `${ofModel(group)},experts="${group.experts}"`;
  return [
    ...Object.entries(modelGauges).map((gauge) => family(gauge, models, ofModel)),
    ...Object.entries(groupGauges).map((gauge) => family(gauge, groups, ofGroup)),
  ].join('');
}
