// A shard's counters, for Prometheus. Knows what is counted, not when.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface ShardMetrics {
  registry: Registry;
  /** `expert.run` calls by how they ended: `ok` or the error's code. */
  calls: Counter<'outcome'>;
  /** (row, expert) pairs taken from the queue, by priority: decode or bulk. */
  rows: Counter<'priority'>;
  /** Experts run: once for all rows that a batch brings to one expert. */
  expertRuns: Counter;
  /** Calls joined in one run of a layer. */
  batchCalls: Histogram;
  /** (row, expert) pairs in one run of a layer. */
  batchRows: Histogram;
  runSeconds: Histogram;
  queueSeconds: Histogram;
  queuedCalls: Gauge;
  unitsHeld: Gauge;
}

/** A registry of its own for each shard, so that several can live in one process. */
export function createShardMetrics(): ShardMetrics {
  const registry = new Registry();
  const registers = [registry];
  const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
  const seconds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
  return {
    registry,
    calls: new Counter({
      name: 'expertgrid_shard_calls_total',
      help: 'expert.run calls by outcome: ok or an error code',
      labelNames: ['outcome'],
      registers,
    }),
    rows: new Counter({
      name: 'expertgrid_shard_rows_total',
      help: 'Pairs of row and expert that were run, by priority',
      labelNames: ['priority'],
      registers,
    }),
    expertRuns: new Counter({
      name: 'expertgrid_shard_expert_runs_total',
      help: 'Experts run, each once for all rows that a batch brings to it',
      registers,
    }),
    batchCalls: new Histogram({
      name: 'expertgrid_shard_batch_calls',
      help: 'Calls joined in one run of a layer',
      buckets: sizes,
      registers,
    }),
    batchRows: new Histogram({
      name: 'expertgrid_shard_batch_rows',
      help: 'Pairs of row and expert in one run of a layer',
      buckets: sizes,
      registers,
    }),
    runSeconds: new Histogram({
      name: 'expertgrid_shard_run_seconds',
      help: 'Time of one run of a layer on the device',
      buckets: seconds,
      registers,
    }),
    queueSeconds: new Histogram({
      name: 'expertgrid_shard_queue_seconds',
      help: 'Time from the arrival of a call to the start of its run',
      buckets: seconds,
      registers,
    }),
    queuedCalls: new Gauge({
      name: 'expertgrid_shard_queued_calls',
      help: 'Calls that wait for a run',
      registers,
    }),
    unitsHeld: new Gauge({
      name: 'expertgrid_shard_units',
      help: 'Units (layer, expert) held',
      registers,
    }),
  };
}
