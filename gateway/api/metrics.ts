// The counters and histograms of this room, and the engine's own numbers beside them, in Prometheus' text format.
// Knows no request's content.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { EngineStatus, HeatReport } from '../engine/messages.ts';
import { heatMetrics } from './heat.ts';

export interface Metrics {
  /** A request ended. `endpoint` is the route, never the path as sent: unbounded labels would be a leak. */
  requestEnded(endpoint: string, status: number, seconds: number): void;
  firstToken(endpoint: string, seconds: number): void;
  /** Between two tokens of one choice. */
  nextToken(endpoint: string, seconds: number): void;
  tokens(prompt: number, generated: number): void;
  /** Each is undefined where the engine did not answer in time. */
  render(status: EngineStatus | undefined, heat: HeatReport | undefined): Promise<string>;
  readonly contentType: string;
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
const TOKEN_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const endpoint = ['endpoint'] as const;
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, buckets, labelNames: endpoint, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });

  const requests = new Counter({
    name: 'expertgrid_requests_total',
    help: 'Requests ended, by endpoint and HTTP status (499: the client left)',
    labelNames: ['endpoint', 'status'] as const,
    registers,
  });
  const duration = histogram('expertgrid_request_duration_seconds', 'From request to the last byte', SECONDS);
  const firstToken = histogram(
    'expertgrid_time_to_first_token_seconds',
    'From request to first token',
    SECONDS,
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
  const up = gauge('expertgrid_engine_up', 'Whether the engine told its status in time');
  const ready = gauge('expertgrid_ready', 'Whether every expert is held by a connected shard');
  const running = gauge('expertgrid_sequences_running', 'Sequences in the running set');
  const waiting = gauge('expertgrid_sequences_waiting', 'Sequences waiting for admission');
  const kvReserved = gauge('expertgrid_kv_reserved_bytes', 'KV memory reserved by sequences');
  const kvLimit = gauge('expertgrid_kv_limit_bytes', 'KV memory there is');
  const shards = gauge('expertgrid_shards_connected', 'Shards connected');

  return {
    contentType: registry.contentType,
    requestEnded(endpoint, status, seconds) {
      requests.inc({ endpoint, status: String(status) });
      duration.observe({ endpoint }, seconds);
    },
    firstToken: (endpoint, seconds) => firstToken.observe({ endpoint }, seconds),
    nextToken: (endpoint, seconds) => nextToken.observe({ endpoint }, seconds),
    tokens(promptTokens, generatedTokens) {
      prompt.inc(promptTokens);
      generated.inc(generatedTokens);
    },
    async render(status, heat) {
      up.set(status === undefined ? 0 : 1);
      if (status === undefined) return await registry.metrics();
      ready.set(status.ready ? 1 : 0);
      running.set(status.running);
      waiting.set(status.waiting);
      kvReserved.set(status.kvBytesReserved);
      kvLimit.set(status.kvBytesLimit);
      shards.set(status.shards.filter((shard) => shard.connected).length);
      const ofHeat = heat === undefined ? '' : heatMetrics(heat);
      return (await registry.metrics()) + engineCounters(status.counters) + ofHeat;
    },
  };
}

/** The engine counts by itself: `steps` of its status is expertgrid_engine_steps_total here. */
function engineCounters(counters: Record<string, number>): string {
  return Object.entries(counters)
    .map(([name, value]) => [`expertgrid_engine_${name}_total`, value])
    .map(([name, value]) => `# TYPE ${name} counter\n${name} ${value}\n`)
    .join('');
}
