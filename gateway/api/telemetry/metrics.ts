// The counters and histograms of this room, and the engines' own numbers beside them, in Prometheus' text format.
// Knows no request's content. Of several models, what has no label `model` is their sum.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { EngineStatus, HeatReport } from '../../engine/messages.ts';
import { createTally, type Tally } from '../endpoints/history/tally.ts';
import { isProbe } from '../endpoints/probes.ts';
import type { LimitKind } from '../tenants/rate-limits.ts';
import type { UsageLog } from '../tenants/usage-log.ts';
import type { Warnings } from '../warnings.ts';
import { heatMetrics } from './heat-metrics.ts';

/** What one model's engine told; undefined where it did not answer in time. */
export interface EngineState {
  /** Id. */
  model: string;
  status: EngineStatus | undefined;
  heat: HeatReport | undefined;
}

export interface Metrics {
  /** A request ended. `endpoint` is the route, never the path as sent: unbounded labels would be a leak. */
  requestEnded(endpoint: string, status: number, seconds: number): void;
  /** A request ended that the model `id` answered, well or not. */
  modelAnswered(id: string, status: number): void;
  firstToken(endpoint: string, seconds: number): void;
  /** What this room itself took of a request that an engine was asked for (overhead.ts). */
  overhead(endpoint: string, seconds: number): void;
  /** Between two tokens of one choice. */
  nextToken(endpoint: string, seconds: number): void;
  tokens(prompt: number, generated: number): void;
  /** A request of the key `name` ended. Names are as many as the file of keys has. */
  keyUsed(name: string, status: number, tokens: { prompt: number; cached: number; generated: number }): void;
  /** One of the key's limits did not allow a request. */
  keyRefused(name: string, limit: LimitKind): void;
  render(engines: readonly EngineState[]): Promise<string>;
  /** The same counts as plain numbers, for the history. */
  readonly tally: Tally;
  readonly contentType: string;
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
const TOKEN_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5];
/** Fine about the 2 ms that an ordinary request should stay below. */
const OVERHEAD_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.00075, 0.001, 0.00125, 0.0015, 0.00175, 0.002, 0.0025, 0.003, 0.004, 0.006, 0.01,
  0.025, 0.05, 0.1, 0.25, 1, 5,
];

export interface MetricsOptions {
  warnings?: Pick<Warnings, 'current' | 'watched'>;
  /** Absent: usage is not logged. */
  usageLog?: Pick<UsageLog, 'waiting' | 'lost'> | undefined;
}

export function createMetrics({ warnings, usageLog }: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const tally = createTally({ first: SECONDS, next: TOKEN_SECONDS });
  const endpoint = ['endpoint'] as const;
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, buckets, labelNames: endpoint, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const modelGauge = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ['model'] as const, registers });

  const requests = new Counter({
    name: 'expertgrid_requests_total',
    help: 'Requests ended, by endpoint and HTTP status (499: the client left)',
    labelNames: ['endpoint', 'status'] as const,
    registers,
  });
  const modelRequests = new Counter({
    name: 'expertgrid_model_requests_total',
    help: 'Requests ended, by the model that answered and HTTP status (499: the client left)',
    labelNames: ['model', 'status'] as const,
    registers,
  });
  const duration = histogram('expertgrid_request_duration_seconds', 'From request to the last byte', SECONDS);
  const firstToken = histogram(
    'expertgrid_time_to_first_token_seconds',
    'From request to first token',
    SECONDS,
  );
  const overhead = histogram(
    'expertgrid_api_overhead_seconds',
    'Of a request that an engine was asked for, the time outside the engine',
    OVERHEAD_SECONDS,
  );
  const nextToken = histogram(
    'expertgrid_inter_token_latency_seconds',
    'Between tokens of a choice',
    TOKEN_SECONDS,
  );
  const prompt = new Counter({
    name: 'expertgrid_prompt_tokens_total',
    help: 'Tokens in prompts',
    registers,
  });
  const generated = new Counter({
    name: 'expertgrid_generated_tokens_total',
    help: 'Tokens generated',
    registers,
  });
  const keyRequests = new Counter({
    name: 'expertgrid_key_requests_total',
    help: 'Requests ended, by name of the API key and HTTP status',
    labelNames: ['key', 'status'] as const,
    registers,
  });
  const keyTokens = new Counter({
    name: 'expertgrid_key_tokens_total',
    help: 'Tokens, by name of the API key: of prompts, of them found in the cache, generated',
    labelNames: ['key', 'kind'] as const,
    registers,
  });
  const keyRefusals = new Counter({
    name: 'expertgrid_key_refusals_total',
    help: 'Requests refused by a limit of the API key',
    labelNames: ['key', 'limit'] as const,
    registers,
  });
  gauge('process_start_time_seconds', 'When the process started; Unix seconds').set(
    Math.round(performance.timeOrigin / 1_000),
  );
  const up = gauge('expertgrid_engine_up', 'Whether every engine told its status in time');
  const ready = gauge('expertgrid_ready', 'Whether every expert of every model is held by a connected shard');
  const modelReady = modelGauge('expertgrid_model_ready', 'The same, of one model');
  const modelMissing = modelGauge(
    'expertgrid_model_units_missing',
    'Experts of all layers that no shard serves',
  );
  const modelSingle = modelGauge(
    'expertgrid_model_units_without_replica',
    'Experts of all layers that one shard serves and no other',
  );
  const modelShards = new Gauge({
    name: 'expertgrid_model_shards',
    help: 'Shards as the gateway sees them, by state',
    labelNames: ['model', 'state'] as const,
    registers,
  });
  const modelRunning = modelGauge('expertgrid_model_sequences_running', 'Sequences in its running set');
  const running = gauge('expertgrid_sequences_running', 'Sequences in the running set');
  const waiting = gauge('expertgrid_sequences_waiting', 'Sequences waiting for admission');
  const kvReserved = gauge('expertgrid_kv_reserved_bytes', 'KV memory reserved by sequences');
  const kvLimit = gauge('expertgrid_kv_limit_bytes', 'KV memory there is');
  const shards = gauge('expertgrid_shards_connected', 'Shards connected');
  if (warnings !== undefined) {
    new Gauge({
      name: 'expertgrid_warning',
      help: '1 while an operator should mend this though the gateway answers; /health/ready says what it is',
      labelNames: ['what'],
      registers,
      collect() {
        const now = new Set(warnings.current.map(({ what }) => what));
        for (const what of warnings.watched) this.set({ what }, now.has(what) ? 1 : 0);
      },
    });
  }
  if (usageLog !== undefined) {
    new Gauge({
      name: 'expertgrid_usage_lines_waiting',
      help: 'Lines of usage that wait until the log can be written',
      registers,
      collect() {
        this.set(usageLog.waiting);
      },
    });
    new Counter({
      name: 'expertgrid_usage_lines_lost_total',
      help: 'Lines of usage that were given up because the log could not be written for long',
      registers,
      collect() {
        this.reset();
        this.inc(usageLog.lost);
      },
    });
  }
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory of the process that is resident',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });

  return {
    contentType: registry.contentType,
    tally,
    requestEnded(endpoint, status, seconds) {
      if (!isProbe(endpoint)) {
        tally.requests++;
        if (status >= 500) tally.errors++;
        else if (status >= 400 && status !== 499) tally.refused++;
      }
      requests.inc({ endpoint, status: String(status) });
      duration.observe({ endpoint }, seconds);
    },
    modelAnswered: (model, status) => modelRequests.inc({ model, status: String(status) }),
    firstToken(endpoint, seconds) {
      tally.firstToken.observe(seconds);
      firstToken.observe({ endpoint }, seconds);
    },
    overhead: (endpoint, seconds) => overhead.observe({ endpoint }, seconds),
    nextToken(endpoint, seconds) {
      tally.nextToken.observe(seconds);
      nextToken.observe({ endpoint }, seconds);
    },
    tokens(promptTokens, generatedTokens) {
      prompt.inc(promptTokens);
      generated.inc(generatedTokens);
    },
    keyUsed(key, status, tokens) {
      keyRequests.inc({ key, status: String(status) });
      for (const [kind, count] of Object.entries(tokens)) keyTokens.inc({ key, kind }, count);
    },
    keyRefused: (key, limit) => keyRefusals.inc({ key, limit }),
    async render(engines) {
      modelShards.reset();
      for (const { model, status } of engines) {
        modelReady.set({ model }, status?.ready ? 1 : 0);
        if (status === undefined) continue;
        modelRunning.set({ model }, status.running);
        modelMissing.set({ model }, status.units.missing);
        modelSingle.set({ model }, status.units.single);
        for (const { state } of status.shards) modelShards.inc({ model, state });
      }
      const told = engines.flatMap(({ status }) => status ?? []);
      const all = told.length === engines.length;
      up.set(all ? 1 : 0);
      // A sum without one of its parts would look like a fall.
      if (!all) return await registry.metrics();
      const sum = (of: (status: EngineStatus) => number) => told.reduce((total, each) => total + of(each), 0);
      ready.set(told.every((status) => status.ready) ? 1 : 0);
      running.set(sum((status) => status.running));
      waiting.set(sum((status) => status.waiting));
      kvReserved.set(sum((status) => status.kvBytesReserved));
      kvLimit.set(sum((status) => status.kvBytesLimit));
      shards.set(connectedShards(told).size);
      const heats = engines.flatMap(({ model, heat }) => (heat === undefined ? [] : { model, heat }));
      const ofHeat = heatMetrics(heats, { labelled: engines.length > 1 });
      return (await registry.metrics()) + engineCounters(told) + ofHeat;
    },
  };
}

/** By address: one shard may serve several models. */
function connectedShards(told: readonly EngineStatus[]): Set<string> {
  const connected = told.flatMap(({ shards }) => shards.filter((shard) => shard.connected));
  return new Set(connected.map(({ address }) => address));
}

/** The engines count by themselves: `steps` of their status is expertgrid_engine_steps_total here. */
function engineCounters(told: readonly EngineStatus[]): string {
  const sums = new Map<string, number>();
  for (const { counters } of told) {
    for (const [name, value] of Object.entries(counters)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  return [...sums]
    .map(([name, value]) => [`expertgrid_engine_${name}_total`, value])
    .map(([name, value]) => `# TYPE ${name} counter\n${name} ${value}\n`)
    .join('');
}
