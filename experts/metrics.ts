// A shard's counters, for Prometheus. Knows what is counted, not when.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface ShardMetrics {
  registry: Registry;
  /** `expert.run` calls by how they ended: `ok` or the error's code. */
  calls: Counter<'outcome'>;
  queuedCalls: Gauge;
  unitsHeld: Gauge;
  /** One call was answered. */
  answered(): void;
  /** One run of a layer. Kept, and counted a few dozen at a time or when someone looks: counting one takes longer. */
  ran(run: Run): void;
}

export interface Run {
  jobs: readonly { asks: Uint16Array; priority: 0 | 1; queuedAt: number }[];
  /** Of all jobs, `[m, 2]`: (row, expert). */
  asks: Uint16Array;
  /** On the clock of `performance.now()`. */
  startedAt: number;
  runMs: number;
}

/** What is kept of a run. */
interface Sample {
  /** (row, expert) pairs, by priority. */
  pairs: [decode: number, bulk: number];
  experts: number;
  calls: number;
  queueMs: number[];
  runMs: number;
}

const samplesKept = 64;

/** A registry of its own for each shard, so that several can live in one process. */
export function createShardMetrics(): ShardMetrics {
  const registry = new Registry();
  const registers = [registry];
  const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
  const seconds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
  let samples: Sample[] = [];
  let answered = 0;
  // The first to be asked for when someone looks: then all are up to date.
  const calls = new Counter({
    name: 'expertgrid_shard_calls_total',
    help: 'expert.run calls by outcome: ok or an error code',
    labelNames: ['outcome'],
    registers,
    collect: () => count(),
  });
  const of = {
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
  };

  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory of the process that is resident',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });

  function count(): void {
    const counted = samples;
    samples = [];
    calls.inc({ outcome: 'ok' }, answered);
    answered = 0;
    for (const { pairs, experts, calls: joined, queueMs, runMs } of counted) {
      of.rows.inc({ priority: 'decode' }, pairs[0]);
      of.rows.inc({ priority: 'bulk' }, pairs[1]);
      of.expertRuns.inc(experts);
      of.batchCalls.observe(joined);
      of.batchRows.observe(pairs[0] + pairs[1]);
      of.runSeconds.observe(runMs / 1_000);
      for (const ms of queueMs) of.queueSeconds.observe(ms / 1_000);
    }
  }

  return {
    registry,
    calls,
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
    answered() {
      answered++;
    },
    ran(run) {
      samples.push(sampleOf(run));
      if (samples.length >= samplesKept) count();
    },
  };
}

function sampleOf({ jobs, asks, startedAt, runMs }: Run): Sample {
  const pairs: [number, number] = [0, 0];
  for (const { asks: own, priority } of jobs) pairs[priority] += own.length / 2;
  return {
    pairs,
    experts: countExperts(asks),
    calls: jobs.length,
    queueMs: jobs.map(({ queuedAt }) => startedAt - queuedAt),
    runMs,
  };
}

function countExperts(asks: Uint16Array): number {
  if (asks.length === 2) return 1;
  const experts = new Set<number>();
  for (let i = 1; i < asks.length; i += 2) experts.add(asks[i]!);
  return experts.size;
}
