// The table of the dashboard's panels. docs/operations.md#metrics explains the metrics.
import { quantile, rate, type Series, seriesOf, type WatchedCell } from '../alerts/series.ts';

export interface Panel {
  title: string;
  /** As Grafana calls it. */
  unit: 'bytes' | 'Bps' | 'percentunit' | 'reqps' | 's' | 'short';
  queries: Query[];
}

/** `legend` names a line. It may contain labels of its series, such as `{{instance}}`. */
export type Query = [legend: string, expr: string];

export interface Section {
  title: string;
  panels: Panel[];
}

type Row = [title: string, unit: Panel['unit'], ...queries: Query[]];

const RUNGS = ['class', 'standby', 'next_best', 'pass_through'];
const instance = '{{instance}}';

/** The dashboard of a cell has no edges, because they are outside the cell. */
export function sections(watched?: WatchedCell): Section[] {
  const gateways = seriesOf(watched, 'gateways');
  const shards = seriesOf(watched, 'shards');
  return [
    sectionOf('Requests', requestRows(gateways)),
    sectionOf('Gateways', gatewayRows(gateways, seriesOf(watched, 'gateways', ''))),
    sectionOf('Calls of shards', callRows(gateways, shards)),
    sectionOf('Shards', shardRows(shards, seriesOf(watched, 'shards', ''))),
    sectionOf('Degradation', degradationRows(gateways)),
    ...(watched === undefined ? [sectionOf('Edges', edgeRows(seriesOf(undefined, 'edges')))] : []),
  ];
}

function sectionOf(title: string, rows: Row[]): Section {
  return { title, panels: rows.map(([name, unit, ...queries]) => ({ title: name, unit, queries })) };
}

function requestRows(series: Series): Row[] {
  const percentiles = (metric: string): Query[] => [
    ['p50', quantile(series, 0.5, metric)],
    ['p99', quantile(series, 0.99, metric)],
  ];
  return [
    ['Requests by status', 'reqps', ['{{status}}', sumRate(series, 'requests_total', 'status')]],
    ['Time to the first token', 's', ...percentiles('time_to_first_token_seconds')],
    ['Time between tokens', 's', ...percentiles('inter_token_latency_seconds')],
    [
      'Tokens per second',
      'short',
      ['prompt, computed', sumRate(series, 'engine_prompt_tokens_total')],
      ['prompt, cached', sumRate(series, 'engine_cached_prompt_tokens_total')],
      ['generated', sumRate(series, 'engine_generated_tokens_total')],
    ],
  ];
}

function gatewayRows(series: Series, process: Series): Row[] {
  return [
    [
      'Sequences',
      'short',
      [`${instance} running`, series('sequences_running')],
      [`${instance} waiting`, series('sequences_waiting')],
    ],
    [
      'KV memory in use',
      'percentunit',
      [instance, `${series('kv_reserved_bytes')} / ${series('kv_limit_bytes')}`],
    ],
    ['Memory of gateways', 'bytes', [instance, memoryOf(process, series('engine_up'))]],
    ['Overhead of the API', 's', ['p50', quantile(series, 0.5, 'api_overhead_seconds')]],
  ];
}

function callRows(gateways: Series, shards: Series): Row[] {
  const calls = rate(gateways, 'engine_expert_calls_total');
  const share = (counter: string) => `${rate(gateways, `engine_${counter}_total`)} / ${calls}`;
  const slowest = (metric: string) =>
    `histogram_quantile(0.99, sum by (instance, le) (${rate(shards, `${metric}_bucket`)}))`;
  return [
    ['Calls per second', 'reqps', [instance, calls]],
    [
      'Share of calls again or failed',
      'percentunit',
      [`${instance} retried`, share('retried_calls')],
      [`${instance} hedged`, share('hedged_calls')],
      [`${instance} failed`, share('expert_call_failures')],
    ],
    ['Time in the queue of a shard, p99', 's', [instance, slowest('shard_queue_seconds')]],
    ['Time of a run of a shard, p99', 's', [instance, slowest('shard_run_seconds')]],
    [
      'Rows on the network',
      'Bps',
      ['sent', sumRate(gateways, 'engine_expert_bytes_sent_total')],
      ['received', sumRate(gateways, 'engine_expert_bytes_received_total')],
    ],
    [
      'Shards by state',
      'short',
      ['{{instance}} {{state}}', `sum by (instance, state) (${gateways('model_shards')})`],
    ],
  ];
}

function shardRows(series: Series, process: Series): Row[] {
  const mean = `${rate(series, 'shard_batch_rows_sum')} / ${rate(series, 'shard_batch_rows_count')}`;
  return [
    ['Rows per second', 'short', [instance, sumRate(series, 'shard_rows_total', 'instance')]],
    ['Calls by outcome', 'reqps', ['{{outcome}}', sumRate(series, 'shard_calls_total', 'outcome')]],
    ['Calls in the queue', 'short', [instance, series('shard_queued_calls')]],
    ['Rows of a run, mean', 'short', [instance, mean]],
    ['Units held', 'short', [instance, series('shard_units')]],
    ['Memory of shards', 'bytes', [instance, memoryOf(process, series('shard_units'))]],
  ];
}

function degradationRows(series: Series): Row[] {
  const rungs = RUNGS.map((rung): Query => [rung, sumRate(series, `engine_degraded_hops_${rung}_total`)]);
  const most = (metric: string) => `max by (model) (${series(metric)})`;
  return [
    ['Degraded answers of experts per second', 'short', ...rungs],
    [
      'Units of all layers',
      'short',
      ['{{model}} missing', most('model_units_missing')],
      ['{{model}} on one shard', most('model_units_without_replica')],
      ['{{model}} borrowed', most('model_units_borrowed')],
    ],
    [
      'Wrong answers and failed sequences in 10 minutes',
      'short',
      ['cordons', sumIncrease(series, 'engine_cordons_total')],
      ['mismatches', sumIncrease(series, 'engine_mismatches_total')],
      ['failed sequences', sumIncrease(series, 'engine_failed_sequences_total')],
    ],
    ['Warnings', 'short', ['{{instance}} {{what}}', `${series('warning')} > 0`]],
  ];
}

function edgeRows(series: Series): Row[] {
  const ofGateway = (counter: string) => sumRate(series, `edge_${counter}_total`, 'gateway');
  const ofAll = (counter: string) => sumRate(series, `edge_${counter}_total`);
  return [
    ['Requests to gateways', 'reqps', ['{{gateway}}', ofGateway('requests')]],
    [
      'Requests sent again',
      'reqps',
      ['repeats', ofAll('repeats')],
      ['continuations', ofAll('continuations')],
      ['failed continuations', ofAll('continuation_failures')],
      ['lost streams', ofAll('streams_lost')],
    ],
    [
      'Routing',
      'reqps',
      ['at the preferred gateway', ofAll('affinity_kept')],
      ['elsewhere', ofAll('affinity_lost')],
      ['a nearer region was full', ofAll('spills')],
    ],
  ];
}

function sumRate(series: Series, metric: string, by?: string): string {
  return `sum${by === undefined ? '' : ` by (${by}) `}(${rate(series, metric)})`;
}

function sumIncrease(series: Series, metric: string): string {
  return `sum(increase(${series(metric)}[10m]))`;
}

/** Every process of a cluster may have this metric, so those are taken which also have `own`. */
function memoryOf(process: Series, own: string): string {
  return `${process('process_resident_memory_bytes')} and on (job, instance) ${own}`;
}
