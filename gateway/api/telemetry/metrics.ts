// Keeps the metrics and writes the page /metrics in Prometheus' text format. The tables here list the metrics. A metric without the
// label `model` is a sum over all models.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { EngineStatus, HeatReport } from '../../engine/messages.ts';
import { createTally, type Tally } from '../endpoints/history/tally.ts';
import type { LimitKind } from '../tenants/rate-limits.ts';
import type { UsageLog } from '../tenants/usage-log.ts';
import type { Warnings } from '../warnings.ts';
import { heatMetrics } from './heat-metrics.ts';

/** The reports of one model's engine. Undefined fields: the engine did not answer in time. */
interface EngineState {
  /** Id of the model. */
  model: string;
  status: EngineStatus | undefined;
  heat: HeatReport | undefined;
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
const TOKEN_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5];
/** The bounds are dense around 2 ms, because the overhead of an ordinary request should be below that. */
const OVERHEAD_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.00075, 0.001, 0.00125, 0.0015, 0.00175, 0.002, 0.0025, 0.003, 0.004, 0.006, 0.01,
  0.025, 0.05, 0.1, 0.25, 1, 5,
];

type Definition = { help: string; labels?: readonly string[] };

const counters = {
  expertgrid_requests_total: {
    help: 'Requests that have ended, by endpoint and HTTP status (499: the client left)',
    labels: ['endpoint', 'status'],
  },
  expertgrid_model_requests_total: {
    help: 'Requests that have ended, by the model that answered and HTTP status (499: the client left)',
    labels: ['model', 'status'],
  },
  expertgrid_prompt_tokens_total: { help: 'Prompt tokens of requests that have ended' },
  expertgrid_generated_tokens_total: { help: 'Generated tokens of requests that have ended' },
  expertgrid_key_requests_total: {
    help: 'Requests that have ended, by name of the API key and HTTP status',
    labels: ['key', 'status'],
  },
  expertgrid_key_tokens_total: {
    help: 'Tokens by name of the API key and kind (prompt; cached: prompt tokens found in the cache; generated)',
    labels: ['key', 'kind'],
  },
  expertgrid_key_refusals_total: {
    help: 'Requests that a limit of the API key refused, by name of the key and limit',
    labels: ['key', 'limit'],
  },
} satisfies Record<string, Definition>;

/** All of them have the label `endpoint`. */
const histograms = {
  expertgrid_request_duration_seconds: { help: 'Time from request to last byte', buckets: SECONDS },
  expertgrid_time_to_first_token_seconds: { help: 'Time from request to first token', buckets: SECONDS },
  expertgrid_inter_token_latency_seconds: { help: 'Time between tokens of a choice', buckets: TOKEN_SECONDS },
  expertgrid_api_overhead_seconds: {
    help: 'Time that the API itself worked on a request that reached an engine',
    buckets: OVERHEAD_SECONDS,
  },
} satisfies Record<string, Definition & { buckets: number[] }>;

type Gauges<From> = Readonly<Record<string, { help: string; of: (from: From) => number }>>;

/** Made from the statuses of all engines. Unchanged while an engine does not answer: a sum without that engine would look like a drop. */
const engineGauges: Gauges<readonly EngineStatus[]> = {
  expertgrid_ready: {
    help: '1 if every expert of every model is held by a connected shard, else 0',
    of: (all) => (all.every(({ ready }) => ready) ? 1 : 0),
  },
  expertgrid_sequences_running: { help: 'Sequences in the running set', of: sumOf('running') },
  expertgrid_sequences_waiting: { help: 'Sequences waiting for admission', of: sumOf('waiting') },
  expertgrid_kv_reserved_bytes: { help: 'KV memory reserved by sequences', of: sumOf('kvBytesReserved') },
  expertgrid_kv_limit_bytes: { help: 'Size of the KV memory', of: sumOf('kvBytesLimit') },
  expertgrid_shards_connected: { help: 'Shards connected', of: connectedShards },
};

/** Made from the status of each model's engine. */
const modelGauges: Gauges<EngineStatus> = {
  expertgrid_model_units_missing: {
    help: 'Experts of all layers that no shard serves',
    of: ({ units }) => units.missing,
  },
  expertgrid_model_units_without_replica: {
    help: 'Experts of all layers that one shard serves and no other',
    of: ({ units }) => units.single,
  },
  expertgrid_model_units_borrowed: {
    help: 'Experts of all layers that only shards of other zones serve',
    of: ({ units }) => units.borrowed,
  },
  expertgrid_model_sequences_running: { help: 'Sequences in the running set', of: ({ running }) => running },
};

interface MetricsOptions {
  warnings?: Pick<Warnings, 'current' | 'watched'>;
  /** Absent: usage is not logged. */
  usageLog?: Pick<UsageLog, 'waiting' | 'lost'> | undefined;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #count = mapped(counters, (name, { help, labels = [] }: Definition) => {
    return new Counter<string>({ name, help, labelNames: labels, registers: [this.#registry] });
  });
  readonly #seconds = mapped(histograms, (name, own) => {
    return new Histogram({ name, ...own, labelNames: ['endpoint'], registers: [this.#registry] });
  });
  readonly #setEngines = addEngineGauges(this.#registry);
  /** Requests and times as plain numbers, for the history. */
  readonly tally: Tally = createTally({ first: SECONDS, next: TOKEN_SECONDS });

  constructor(options: MetricsOptions = {}) {
    addCollected(this.#registry, options);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /**
   * Counts a request that has ended. `endpoint` is the route and not the path that the client sent, because the values of a label
   * must be few: each is kept for ever. Requests for polled routes are left out of the history.
   */
  requestEnded(endpoint: string, how: { status: number; seconds: number; polled: boolean }): void {
    const { status, seconds, polled } = how;
    if (!polled) {
      this.tally.requests++;
      if (status >= 500) this.tally.errors++;
      else if (status >= 400 && status !== 499) this.tally.refused++;
    }
    this.#count.expertgrid_requests_total.inc({ endpoint, status: String(status) });
    this.#seconds.expertgrid_request_duration_seconds.observe({ endpoint }, seconds);
  }

  /** Counts a request for which a model was chosen, whatever the status. */
  modelAnswered(model: string, status: number): void {
    this.#count.expertgrid_model_requests_total.inc({ model, status: String(status) });
  }

  firstToken(endpoint: string, seconds: number): void {
    this.tally.firstToken.observe(seconds);
    this.#seconds.expertgrid_time_to_first_token_seconds.observe({ endpoint }, seconds);
  }

  /** Observes how long gateway/api itself worked on a request that reached an engine; see overhead.ts. */
  overhead(endpoint: string, seconds: number): void {
    this.#seconds.expertgrid_api_overhead_seconds.observe({ endpoint }, seconds);
  }

  /** Observes the time between two tokens of one choice. */
  nextToken(endpoint: string, seconds: number): void {
    this.tally.nextToken.observe(seconds);
    this.#seconds.expertgrid_inter_token_latency_seconds.observe({ endpoint }, seconds);
  }

  tokens(prompt: number, generated: number): void {
    this.#count.expertgrid_prompt_tokens_total.inc(prompt);
    this.#count.expertgrid_generated_tokens_total.inc(generated);
  }

  /** Counts a request of an API key that has ended. */
  keyUsed(key: string, status: number, tokens: { prompt: number; cached: number; generated: number }): void {
    this.#count.expertgrid_key_requests_total.inc({ key, status: String(status) });
    for (const [kind, number] of Object.entries(tokens))
      this.#count.expertgrid_key_tokens_total.inc({ key, kind }, number);
  }

  /** Counts a request that a limit of an API key refused. */
  keyRefused(key: string, limit: LimitKind): void {
    this.#count.expertgrid_key_refusals_total.inc({ key, limit });
  }

  async render(engines: readonly EngineState[]): Promise<string> {
    const all = this.#setEngines(engines);
    const page = await this.#registry.metrics();
    if (all === undefined) return page;
    const heats = engines.flatMap(({ model, heat }) => (heat === undefined ? [] : { model, heat }));
    return page + engineCounters(all) + heatMetrics(heats, { labelled: engines.length > 1 });
  }
}

function mapped<Name extends string, From, To>(
  table: Readonly<Record<Name, From>>,
  make: (name: Name, from: From) => To,
): Record<Name, To> {
  const entries = Object.entries(table) as [Name, From][];
  return Object.fromEntries(entries.map(([name, from]) => [name, make(name, from)])) as Record<Name, To>;
}

/** The returned function sets the gauges. It returns the statuses of all engines, or undefined if an engine did not answer. */
function addEngineGauges(registry: Registry) {
  const gauge = (name: string, help: string, labelNames: string[] = []) => {
    return new Gauge<string>({ name, help, labelNames, registers: [registry] });
  };
  const up = gauge('expertgrid_engine_up', '1 if every engine reported its status in time, else 0');
  const sums = Object.entries(engineGauges).map(([name, { help, of }]) => ({ of, gauge: gauge(name, help) }));
  const readyHelp = '1 if every expert of the model is held by a connected shard, else 0';
  const modelReady = gauge('expertgrid_model_ready', readyHelp, ['model']);
  const ofModel = Object.entries(modelGauges).map(([name, { help, of }]) => {
    return { of, gauge: gauge(name, help, ['model']) };
  });
  const shardsHelp = 'Shards by state, as the gateway sees them';
  const modelShards = gauge('expertgrid_model_shards', shardsHelp, ['model', 'state']);
  return (engines: readonly EngineState[]): readonly EngineStatus[] | undefined => {
    modelShards.reset();
    for (const { model, status } of engines) {
      modelReady.set({ model }, status?.ready ? 1 : 0);
      if (status === undefined) continue;
      for (const { gauge, of } of ofModel) gauge.set({ model }, of(status));
      for (const { state } of status.shards) modelShards.inc({ model, state });
    }
    const answered = engines.flatMap(({ status }) => status ?? []);
    const all = answered.length === engines.length;
    up.set(all ? 1 : 0);
    if (!all) return undefined;
    for (const { gauge, of } of sums) gauge.set(of(answered));
    return answered;
  };
}

/** Adds metrics whose values are read when the page is requested. */
function addCollected(registry: Registry, { warnings, usageLog }: MetricsOptions): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  const started = Math.round(performance.timeOrigin / 1_000);
  gauge('process_start_time_seconds', 'Start of the process in Unix seconds', () => started);
  gauge('process_resident_memory_bytes', 'Resident memory of the process', () => process.memoryUsage.rss());
  if (warnings !== undefined) {
    new Gauge({
      name: 'expertgrid_warning',
      help: '1 while there is a problem that an operator should fix, although the gateway answers; see /health/ready',
      labelNames: ['what'],
      registers,
      collect() {
        const now = new Set(warnings.current.map(({ what }) => what));
        for (const what of warnings.watched) this.set({ what }, now.has(what) ? 1 : 0);
      },
    });
  }
  if (usageLog === undefined) return;
  const waitingHelp = 'Lines of the usage log that wait to be written';
  gauge('expertgrid_usage_lines_waiting', waitingHelp, () => usageLog.waiting);
  new Counter({
    name: 'expertgrid_usage_lines_lost_total',
    help: 'Lines of the usage log that were dropped, because the log could not be written for too long',
    registers,
    collect() {
      this.reset();
      this.inc(usageLog.lost);
    },
  });
}

type Summed = 'running' | 'waiting' | 'kvBytesReserved' | 'kvBytesLimit';

function sumOf(field: Summed): (all: readonly EngineStatus[]) => number {
  return (all) => all.reduce((total, status) => total + status[field], 0);
}

/** Counts addresses, because one shard may serve several models. */
function connectedShards(all: readonly EngineStatus[]): number {
  const connected = all.flatMap(({ shards }) => shards.filter((shard) => shard.connected));
  return new Set(connected.map(({ address }) => address)).size;
}

/** Sums of the engines' counters. For example, the counter `steps` becomes expertgrid_engine_steps_total. */
function engineCounters(all: readonly EngineStatus[]): string {
  const sums = new Map<string, number>();
  for (const { counters } of all) {
    for (const [name, value] of Object.entries(counters)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  const lines = [...sums].map(([counter, value]) => {
    const name = `expertgrid_engine_${counter}_total`;
    return `# TYPE ${name} counter\n${name} ${value}\n`;
  });
  return lines.join('');
}
