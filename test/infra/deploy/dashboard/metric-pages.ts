// The pages /metrics of a gateway, a shard and an edge, written by the code that writes them there, with a sample of every metric.

import { ShardMetrics } from '../../../../experts/metrics.ts';
import { Metrics } from '../../../../gateway/api/telemetry/metrics.ts';
import { Warnings } from '../../../../gateway/api/warnings.ts';
import { createCounters, fleetCounters, hopCounters } from '../../../../gateway/engine/counters.ts';
import { Counts } from '../../../../infra/edge/counts.ts';
import type { Rung } from '../../../../router/delivery/ladder.ts';
import { rungs } from '../../../../router/delivery/ladder.ts';
import type { Fleet } from '../../../../router/fleet.ts';
import { noCounters } from '../../../../router/shards/shard-counters.ts';
import { FakeEngine } from '../../../support/engines/fake-engine.ts';

type Counters = Pick<Fleet, 'counters' | 'calls'>;
type Status = Awaited<ReturnType<FakeEngine['status']>>;

const calls = { retried: 0, hedged: 0, hedgeWins: 0, audited: 0, mismatches: 0 };
const hops = Object.fromEntries(rungs.map((rung) => [rung, 0])) as Record<Rung, number>;

/** A page for each part of a cell, as its Services call them, and for edges. */
export async function metricPages() {
  return { gateways: await gatewayPage(), shards: await shardPage(), edges: edgePage() };
}

async function gatewayPage(): Promise<string> {
  const warnings = new Warnings();
  warnings.set('peers', 'no peer answers');
  const metrics = new Metrics({ warnings, usageLog: { waiting: 0, lost: 0 } });
  metrics.requestEnded('/v1/completions', { status: 200, seconds: 1, polled: false });
  metrics.firstToken('/v1/completions', 0.2);
  metrics.nextToken('/v1/completions', 0.02);
  metrics.overhead('/v1/completions', 0.001);
  const engine = new FakeEngine({ vocab: 8, status: { counters: engineCounters(), shards: [shard] } });
  return await metrics.render([{ model: 'nano', status: await engine.status(), heat: await engine.heat() }]);
}

function engineCounters(): Record<string, number> {
  const fleet: Counters = { counters: noCounters(), calls };
  return { ...createCounters(), ...fleetCounters(fleet as Fleet), ...hopCounters(hops) };
}

const shard = {
  ...{ address: '10.0.0.7:7001', inProcess: false, zone: undefined, state: 'available', since: 0 },
  ...{ connected: true, units: 48, experts: '0-47', numericsClass: 'cpu-1', standby: false, weightBytes: 1 },
  ...{ residentBytes: 1, expectedMs: 1, p99Ms: 1, inFlight: 0, rowsPerSecond: 1, counters: noCounters() },
} as Status['shards'][number];

async function shardPage(): Promise<string> {
  const metrics = new ShardMetrics();
  const asks = new Uint16Array([0, 3]);
  metrics.answered();
  metrics.ran({ jobs: [{ asks, priority: 0, queuedAt: 1 }], asks, startedAt: 2, runMs: 1 });
  return await metrics.registry.metrics();
}

function edgePage(): string {
  return new Counts([{ url: 'http://gateway-1:8080', region: 'eu' }]).render();
}
