// Lets promtool evaluate each alert on series that must raise it and on series that must not. Needs promtool, which is part of Prometheus.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Yaml } from 'cdk8s';
import { afterAll, expect, it } from 'vitest';
import { alertGroups } from '../../../infra/deploy/alerts/alerts.ts';
import { rulesYaml } from '../../../infra/deploy/render.ts';
import { alertsOf, cells } from './objects.ts';

const dir = mkdtempSync(join(tmpdir(), 'expertgrid-alerts-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** Values of a series in each minute of an hour, in promtool's notation. */
const always = (value: number) => `${value}x60`;
const growing = (step: number) => `0+${step}x60`;
/** A counter that grew once. */
const once = '0x20 3x40';

/** Series → values that raise the alert, and values that do not. A series that is absent from the second list keeps its first values. */
type Case = [raising: Record<string, string>, quiet: Record<string, string>];

const gauge = (metric: string, bad: number, good: number): Case => [
  { [metric]: always(bad) },
  { [metric]: always(good) },
];
const counter = (metric: string): Case => [{ [metric]: growing(6) }, { [metric]: always(5) }];
/** `part` over `whole`, both counted each minute. */
const ratio = (part: string, whole: string, bad: number): Case => [
  { [part]: growing(bad), [whole]: growing(1000) },
  { [part]: always(0), [whole]: growing(1000) },
];
/** A histogram with samples between `limit` and infinity, or below `limit`. */
const slow = (metric: string, limit: number): Case => [
  {
    [`${metric}_bucket{le="${limit}"}`]: always(0),
    [`${metric}_bucket{le="${limit * 4}"}`]: growing(100),
    [`${metric}_bucket{le="+Inf"}`]: growing(100),
  },
  {
    [`${metric}_bucket{le="${limit}"}`]: growing(100),
    [`${metric}_bucket{le="${limit * 4}"}`]: growing(100),
    [`${metric}_bucket{le="+Inf"}`]: growing(100),
  },
];

const cases: Record<string, Case> = {
  NoGatewayReady: [{}, { 'ready{instance="a"}': always(0), 'ready{instance="b"}': always(1) }],
  GatewayNotReady: gauge('ready', 0, 1),
  ModelNotReady: gauge('model_ready{model="m"}', 0, 1),
  EngineDown: gauge('engine_up', 0, 1),
  GatewayWarning: gauge('warning{what="peers"}', 1, 0),
  UsageLinesLost: [{ usage_lines_lost_total: '0x56 3x4' }, { usage_lines_lost_total: once }],
  UsageLinesWaiting: gauge('usage_lines_waiting', 1, 0),
  NoShardConnected: gauge('shards_connected', 0, 1),
  UnitsMissing: gauge('model_units_missing{model="m"}', 2, 0),
  UnitsWithoutReplica: gauge('model_units_without_replica{model="m"}', 2, 0),
  UnitsBorrowed: gauge('model_units_borrowed{model="m"}', 2, 0),
  ShardNotAvailable: [
    { 'model_shards{model="m",state="banned"}': always(1) },
    { 'model_shards{model="m",state="available"}': always(1) },
  ],
  ShardsUnresponsive: counter('engine_unresponsive_shards_total'),
  CallTimeouts: counter('engine_call_timeouts_total'),
  ShardsFlap: [
    { engine_bans_total: always(0), engine_shard_reconnects_total: growing(2) },
    { engine_bans_total: always(1), engine_shard_reconnects_total: '0x55 1x5' },
  ],
  WrongAnswers: [
    { engine_cordons_total: '0x55 1x5', engine_mismatches_total: always(0) },
    { engine_cordons_total: always(1), engine_mismatches_total: always(1) },
  ],
  ServerErrors: [
    { 'requests_total{status="500"}': growing(2), 'requests_total{status="200"}': growing(98) },
    { 'requests_total{status="500"}': growing(1), 'requests_total{status="200"}': growing(999) },
  ],
  FailedSequences: counter('engine_failed_sequences_total'),
  DegradedAnswers: [
    Object.fromEntries(
      ['class', 'standby', 'next_best', 'pass_through'].map((rung, i) => [
        `engine_degraded_hops_${rung}_total`,
        growing(i),
      ]),
    ),
    Object.fromEntries(
      ['class', 'standby', 'next_best', 'pass_through'].map((rung) => [
        `engine_degraded_hops_${rung}_total`,
        always(4),
      ]),
    ),
  ],
  HedgesNearBudget: ratio('engine_hedged_calls_total', 'engine_expert_calls_total', 45),
  CallsRetried: [
    {
      engine_retried_calls_total: growing(6),
      engine_expert_call_failures_total: growing(6),
      engine_expert_calls_total: growing(1000),
    },
    {
      engine_retried_calls_total: growing(4),
      engine_expert_call_failures_total: growing(4),
      engine_expert_calls_total: growing(1000),
    },
  ],
  SlowTokens: slow('inter_token_latency_seconds', 0.5),
  SlowFirstToken: slow('time_to_first_token_seconds', 10),
  ApiOverhead: slow('api_overhead_seconds', 0.002),
  RequestsWait: gauge('sequences_waiting', 1, 0),
  KvMemoryFull: [
    { kv_reserved_bytes: always(97), kv_limit_bytes: always(100) },
    { kv_reserved_bytes: always(90), kv_limit_bytes: always(100) },
  ],
  ShardOverloaded: [
    { 'shard_calls_total{outcome="busy"}': growing(2), 'shard_calls_total{outcome="ok"}': growing(98) },
    { 'shard_calls_total{outcome="busy"}': always(2), 'shard_calls_total{outcome="ok"}': growing(98) },
  ],
  ShardDeviceFails: [
    { 'shard_calls_total{outcome="internal"}': '0x55 1x5' },
    { 'shard_calls_total{outcome="internal"}': always(1) },
  ],
  ShardQueue: slow('shard_queue_seconds', 0.1),
  ShardQueuedCalls: gauge('shard_queued_calls', 101, 99),
  ShardHoldsNothing: gauge('shard_units', 0, 24),
};

it('has a case for every alert', () => {
  const names = alertGroups().flatMap(({ rules }) =>
    rules.map(({ alert }) => alert.replace('Expertgrid', '')),
  );
  expect(Object.keys(cases)).toEqual(names);
});

it('raises each alert on its series, and on no others', () => {
  const rules = write('rules.yaml', rulesYaml());
  const tests = Object.entries(cases).flatMap(([name, [raising, quiet]]) => [
    unitTest(name, raising, 1),
    unitTest(name, quiet, 0),
  ]);
  const file = write('tests.yaml', Yaml.stringify({ rule_files: [rules], evaluation_interval: '1m', tests }));
  expect(promtool('test', 'rules', file)).toContain('SUCCESS');
});

it('writes a PrometheusRule whose groups promtool accepts', () => {
  const { spec } = alertsOf(cells.sigma);
  expect(promtool('check', 'rules', write('cell.yaml', Yaml.stringify(spec)))).toContain('SUCCESS');
});

/** Counts the firing alerts of the name after an hour. */
function unitTest(name: string, series: Record<string, string>, count: number) {
  return {
    name: `${name} ${count}`,
    interval: '1m',
    input_series: Object.entries(series).map(([metric, values]) => ({
      series: `expertgrid_${metric}`,
      values,
    })),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="Expertgrid${name}",alertstate="firing"}) or vector(0)`,
        eval_time: '60m',
        exp_samples: [{ labels: '{}', value: count }],
      },
    ],
  };
}

function promtool(...args: string[]): string {
  return execFileSync('promtool', args, { encoding: 'utf8' });
}

function write(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}
