// The alerts on the metrics of gateways and shards. docs/operations.md#metrics explains the metrics.
import { gatewayRows } from './gateway-alerts.ts';
import { type AlertRule, type Row, rate, type Series, seriesOf, type WatchedCell } from './series.ts';

export interface AlertGroup {
  name: string;
  rules: AlertRule[];
}

export function alertGroups(watched?: WatchedCell): AlertGroup[] {
  return [
    groupOf('gateways', gatewayRows(seriesOf(watched, 'gateways'), watched?.mayBeZero)),
    groupOf('shards', shardRows(seriesOf(watched, 'shards'))),
  ];
}

function groupOf(part: string, rows: Row[]): AlertGroup {
  const rules = rows.map(([name, severity, wait, expr, summary]): AlertRule => {
    return {
      alert: `Expertgrid${name}`,
      expr,
      for: wait,
      labels: { severity },
      annotations: { summary },
    };
  });
  return { name: `expertgrid-${part}`, rules };
}

function shardRows(series: Series): Row[] {
  const slow = rate(series, 'shard_calls_total', 'outcome=~"busy|deadline"');
  return [
    [
      'ShardOverloaded',
      'warning',
      '5m',
      `sum by (instance) (${slow}) / sum by (instance) (${rate(series, 'shard_calls_total')}) > 0.01`,
      'The shard {{ $labels.instance }} is too slow for its load.',
    ],
    [
      'ShardDeviceFails',
      'critical',
      '0m',
      `increase(${series('shard_calls_total', 'outcome="internal"')}[10m]) > 0`,
      'The device of the shard {{ $labels.instance }} fails.',
    ],
    [
      'ShardQueue',
      'warning',
      '10m',
      `histogram_quantile(0.99, sum by (instance, le) (${rate(series, 'shard_queue_seconds_bucket')})) > 0.1`,
      'Calls wait {{ $value }} s in the queue of the shard {{ $labels.instance }}.',
    ],
    [
      'ShardQueuedCalls',
      'warning',
      '10m',
      `${series('shard_queued_calls')} > 100`,
      '{{ $value }} calls wait in the shard {{ $labels.instance }}.',
    ],
    [
      'ShardHoldsNothing',
      'warning',
      '15m',
      `${series('shard_units')} == 0`,
      'The shard {{ $labels.instance }} holds no experts.',
    ],
  ];
}
