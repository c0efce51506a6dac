// The Prometheus metrics of a shard.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Run {
  jobs: readonly { asks: Uint16Array; priority: 0 | 1; queuedAt: number }[];
  /** The asks of all jobs, `[m, 2]`: pairs (row, expert). */
  asks: Uint16Array;
  /** On the clock of `performance.now()`. */
  startedAt: number;
  runMs: number;
}

/** What the metrics count of one run of a layer. */
export interface RunSample {
  /** Number of (row, expert) pairs by priority. */
  pairs: [decode: number, prefill: number];
  experts: number;
  calls: number;
  /** Time that each call waited. */
  queueMs: number[];
  runMs: number;
}

/** Counts of the calls that the addon answers (fast-calls.ts). */
interface FastCounts {
  readonly counts: { answered: number };
  sampleTo(take: (sample: RunSample) => void): () => void;
}

/** Adding to counters is slow, so runs are added together: when this many have ended, or when the metrics are read. */
const MOST_SAMPLES = 64;
/** Buckets of histograms that count rows or calls. */
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/** Buckets of histograms of times. */
const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export class ShardMetrics {
  /** Not the global registry, because several shards may run in one process. */
  readonly registry = new Registry();
  readonly #registers = [this.registry];
  /** Registered first, so that Prometheus reads it first: its `collect` updates all metrics that are registered later. */
  readonly calls = new Counter({
    name: 'expertgrid_shard_calls_total',
    help: 'expert.run calls by outcome: ok or an error code',
    labelNames: ['outcome'],
    registers: this.#registers,
    collect: () => this.#count(),
  });
  readonly #fast = new Counter({
    name: 'expertgrid_shard_fast_calls_total',
    help: 'expert.run calls that the addon has answered without JavaScript; also counted in calls_total',
    registers: this.#registers,
  });
  readonly #rows = new Counter({
    name: 'expertgrid_shard_rows_total',
    help: 'Pairs of row and expert that were run, by priority',
    labelNames: ['priority'],
    registers: this.#registers,
  });
  readonly #expertRuns = new Counter({
    name: 'expertgrid_shard_expert_runs_total',
    help: 'Runs of one expert, each over all rows of a batch for this expert',
    registers: this.#registers,
  });
  readonly #batchCalls = this.#histogram('batch_calls', 'Calls joined in one run of a layer', ROWS);
  readonly #batchRows = this.#histogram('batch_rows', 'Pairs of row and expert in one run of a layer', ROWS);
  readonly #runSeconds = this.#histogram('run_seconds', 'Time of one run of a layer on the device', SECONDS);
  readonly #queueSeconds = this.#histogram('queue_seconds', 'Time that a call waits for its run', SECONDS);
  readonly queuedCalls = this.#gauge('expertgrid_shard_queued_calls', 'Calls that wait for a run');
  readonly unitsHeld = this.#gauge('expertgrid_shard_units', 'Units (layer, expert) held');
  #samples: RunSample[] = [];
  #answered = 0;
  #readFast: () => void = () => {};
  #fastAnswered = 0;

  constructor() {
    const memory = this.#gauge('process_resident_memory_bytes', 'Resident memory of the process', () =>
      memory.set(process.memoryUsage.rss()),
    );
  }

  /** Counts one call that was answered without an error. */
  answered(): void {
    this.#answered++;
  }

  /** Counts one run of a layer. */
  ran(run: Run): void {
    this.#add(sampleOf(run));
    if (this.#samples.length >= MOST_SAMPLES) this.#count();
  }

  /** Counts the calls that the addon answers. */
  follow(fast: FastCounts): void {
    const drain = fast.sampleTo((sample) => this.#add(sample));
    this.#readFast = () => {
      drain();
      const { answered } = fast.counts;
      this.#answered += answered - this.#fastAnswered;
      this.#fast.inc(answered - this.#fastAnswered);
      this.#fastAnswered = answered;
    };
  }

  #add(sample: RunSample): void {
    this.#samples.push(sample);
  }

  #count(): void {
    this.#readFast();
    const counted = this.#samples;
    this.#samples = [];
    this.calls.inc({ outcome: 'ok' }, this.#answered);
    this.#answered = 0;
    for (const { pairs, experts, calls, queueMs, runMs } of counted) {
      this.#rows.inc({ priority: 'decode' }, pairs[0]);
      this.#rows.inc({ priority: 'bulk' }, pairs[1]);
      this.#expertRuns.inc(experts);
      this.#batchCalls.observe(calls);
      this.#batchRows.observe(pairs[0] + pairs[1]);
      this.#runSeconds.observe(runMs / 1_000);
      for (const ms of queueMs) this.#queueSeconds.observe(ms / 1_000);
    }
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: `expertgrid_shard_${name}`, help, buckets, registers: this.#registers });
  }

  #gauge(name: string, help: string, collect?: () => void): Gauge {
    return new Gauge({ name, help, registers: this.#registers, ...(collect && { collect }) });
  }
}

function sampleOf({ jobs, asks, startedAt, runMs }: Run): RunSample {
  const pairs: [decode: number, prefill: number] = [0, 0];
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
