// The alerts on the metrics of gateways.
import { grows, quantile, type Row, rate, type Series } from './series.ts';

/** A cell that `mayBeZero` has no gateways while nobody uses it. */
export function gatewayRows(series: Series, mayBeZero = false): Row[] {
  return [
    ...serviceRows(series, mayBeZero),
    ...shardsOfGatewayRows(series),
    ...answerRows(series),
    ...loadRows(series),
  ];
}

/** Whether gateways serve. */
function serviceRows(series: Series, mayBeZero: boolean): Row[] {
  const ready = `max(${series('ready')})`;
  return [
    [
      'NoGatewayReady',
      'critical',
      '1m',
      mayBeZero ? `${ready} == 0` : `(${ready} or vector(0)) == 0`,
      'No gateway can serve requests.',
    ],
    [
      'GatewayNotReady',
      'warning',
      '5m',
      `${series('ready')} == 0`,
      'The gateway {{ $labels.instance }} cannot serve requests. Its /health/ready says why.',
    ],
    [
      'ModelNotReady',
      'critical',
      '2m',
      `${series('model_ready')} == 0`,
      'Some expert of {{ $labels.model }} has no replica in service. /health/ready of {{ $labels.instance }} names it.',
    ],
    [
      'EngineDown',
      'critical',
      '1m',
      `${series('engine_up')} == 0`,
      'An engine of the gateway {{ $labels.instance }} does not answer.',
    ],
    [
      'GatewayWarning',
      'warning',
      '5m',
      `${series('warning')} == 1`,
      'The gateway {{ $labels.instance }} uses old content of {{ $labels.what }}, because the new content cannot be used.',
    ],
    [
      'UsageLinesLost',
      'critical',
      '0m',
      grows(series, 'usage_lines_lost_total'),
      'The gateway {{ $labels.instance }} has lost lines of its usage log.',
    ],
    [
      'UsageLinesWaiting',
      'warning',
      '5m',
      `${series('usage_lines_waiting')} > 0`,
      'The gateway {{ $labels.instance }} cannot write its usage log.',
    ],
  ];
}

/** What gateways see of the shards. */
function shardsOfGatewayRows(series: Series): Row[] {
  return [
    [
      'NoShardConnected',
      'critical',
      '1m',
      `${series('shards_connected')} == 0`,
      'No shard is connected to the gateway {{ $labels.instance }}.',
    ],
    [
      'UnitsMissing',
      'critical',
      '1m',
      `${series('model_units_missing')} > 0`,
      'No shard serves {{ $value }} units of {{ $labels.model }}.',
    ],
    [
      'UnitsWithoutReplica',
      'warning',
      '5m',
      `${series('model_units_without_replica')} > 0`,
      'Only one shard serves {{ $value }} units of {{ $labels.model }}. If it fails, requests fail.',
    ],
    [
      'UnitsBorrowed',
      'warning',
      '5m',
      `${series('model_units_borrowed')} > 0`,
      'Shards of other zones serve {{ $value }} units of {{ $labels.model }}, which makes requests slow.',
    ],
    [
      'ShardNotAvailable',
      'warning',
      '10m',
      `${series('model_shards', 'state!="available"')} > 0`,
      '{{ $value }} shards of {{ $labels.model }} have been {{ $labels.state }} for ten minutes.',
    ],
    [
      'ShardsUnresponsive',
      'warning',
      '0m',
      grows(series, 'engine_unresponsive_shards_total'),
      'Shards are connected to {{ $labels.instance }} but do not answer its calls.',
    ],
    [
      'CallTimeouts',
      'warning',
      '5m',
      `${rate(series, 'engine_call_timeouts_total')} > 0`,
      'Calls of {{ $labels.instance }} to shards time out.',
    ],
    [
      'ShardsFlap',
      'warning',
      '0m',
      `increase(${series('engine_bans_total')}[10m]) > 0 or increase(${series('engine_shard_reconnects_total')}[10m]) > 10`,
      'Connections from {{ $labels.instance }} to shards break again and again.',
    ],
  ];
}

/** Whether answers are right. */
function answerRows(series: Series): Row[] {
  const degraded = ['class', 'standby', 'next_best', 'pass_through']
    .map((rung) => rate(series, `engine_degraded_hops_${rung}_total`))
    .join(' + ');
  const wrong = `increase(${series('engine_cordons_total')}[10m]) + increase(${series('engine_mismatches_total')}[10m])`;
  return [
    [
      'WrongAnswers',
      'critical',
      '0m',
      `${wrong} > 0`,
      'A shard answers wrongly. The log of {{ $labels.instance }} has its address. Replace its machine.',
    ],
    [
      'ServerErrors',
      'critical',
      '5m',
      `sum(${rate(series, 'requests_total', 'status=~"5.."')}) / sum(${rate(series, 'requests_total')}) > 0.01`,
      '{{ $value | humanizePercentage }} of all requests fail with a status of 500 or above.',
    ],
    [
      'FailedSequences',
      'warning',
      '5m',
      grows(series, 'engine_failed_sequences_total'),
      'Streams of {{ $labels.instance }} end with an error.',
    ],
    [
      'DegradedAnswers',
      'warning',
      '5m',
      `${degraded} > 0`,
      'Answers of {{ $labels.instance }} are degraded, because experts are missing.',
    ],
  ];
}

/** Whether gateways and shards are fast enough. */
function loadRows(series: Series): Row[] {
  const calls = rate(series, 'engine_expert_calls_total');
  const again = `(${rate(series, 'engine_retried_calls_total')} + ${rate(series, 'engine_expert_call_failures_total')})`;
  return [
    [
      'HedgesNearBudget',
      'warning',
      '30m',
      `${rate(series, 'engine_hedged_calls_total')} / ${calls} > 0.04`,
      'Some shard is slow. expected_ms in /v1/shards of {{ $labels.instance }} shows which.',
    ],
    [
      'CallsRetried',
      'warning',
      '10m',
      `${again} / ${calls} > 0.01`,
      '{{ $value | humanizePercentage }} of the calls of {{ $labels.instance }} fail or are retried.',
    ],
    [
      'SlowTokens',
      'warning',
      '10m',
      `${quantile(series, 0.99, 'inter_token_latency_seconds')} > 0.5`,
      'One token in a hundred takes {{ $value }} s.',
    ],
    [
      'SlowFirstToken',
      'warning',
      '10m',
      `${quantile(series, 0.95, 'time_to_first_token_seconds')} > 10`,
      'One request in twenty waits {{ $value }} s for its first token.',
    ],
    [
      'ApiOverhead',
      'warning',
      '10m',
      `${quantile(series, 0.5, 'api_overhead_seconds')} > 0.002`,
      'The threads of the gateways that serve the API are short of CPU time.',
    ],
    [
      'RequestsWait',
      'warning',
      '5m',
      `${series('sequences_waiting')} > 0`,
      '{{ $value }} requests wait at {{ $labels.instance }}, because the gateway is full.',
    ],
    [
      'KvMemoryFull',
      'warning',
      '10m',
      `${series('kv_reserved_bytes')} / ${series('kv_limit_bytes')} > 0.95`,
      'The KV memory of {{ $labels.instance }} is full.',
    ],
  ];
}
