// How long a shard's calls take: what one more would cost, and whether the shard answers at all. Knows no connection.
import type { RpcError } from '../../rpc/errors.ts';
import { MeanLatency, type Quantile } from './latency.ts';

interface Quantiles {
  median: Quantile;
  /** What calls take that count as late. */
  late: Quantile;
}

/** Milliseconds of the calls of a whole fleet, by the kind of their rows. */
export interface Latencies {
  decode: Quantiles;
  prefill: Quantiles;
}

/** What the first call is expected to take. */
const UNKNOWN_MS = 1;
const SILENCE_MS = 1_000;
/** A call that was given up late counts as one of so many times that length. */
const LATE_FACTOR = 4;
/** The cost of a shard that says that it is busy; any other shard is better. */
const BUSY_COST_MS = 1e6;
/** How long a busy shard that gives no hint counts as busy. */
const BUSY_MS = 100;

export class Timing {
  readonly #latencies: Latencies;
  /** Of decode rows: how long prompts take depends more on the prompts than on the shard. */
  readonly #mean = new MeanLatency();
  #busyUntil = 0;
  #silentUntil = 0;

  constructor(latencies: Latencies) {
    this.#latencies = latencies;
  }

  /** Milliseconds that one more call is expected to take. */
  cost(inFlight: number): number {
    const now = performance.now();
    if (now < this.#busyUntil) return BUSY_COST_MS;
    return this.#mean.at(now, this.#usualMs) * (1 + inFlight);
  }

  /** A call was not answered for a long time. */
  noteSilence(): void {
    this.#silentUntil = performance.now() + SILENCE_MS;
  }

  get silent(): boolean {
    return performance.now() < this.#silentUntil;
  }

  /** A call was answered. */
  learn(startedAt: number, prefill: boolean): void {
    const now = performance.now();
    const ms = now - startedAt;
    const { median, late } = this.#latencies[prefill ? 'prefill' : 'decode'];
    if (!prefill) this.#mean.learn(ms, now, this.#usualMs);
    median.learn(ms);
    late.learn(ms);
  }

  /** A call was not answered. */
  learnFailure({ code, retryAfterMs = BUSY_MS }: RpcError, startedAt: number, prefill: boolean): void {
    const now = performance.now();
    if (code === 'busy') this.#busyUntil = now + retryAfterMs;
    // A call that was given up or timed out would have taken longer.
    if (code !== 'cancelled' && code !== 'deadline') return;
    const { late } = this.#latencies[prefill ? 'prefill' : 'decode'];
    const ms = now - startedAt;
    const isLate = late.value !== undefined && ms >= late.value;
    // Nobody knows how much longer. To ask the shard again soon would cost as much again.
    if (!prefill) this.#mean.learnAtLeast(isLate ? LATE_FACTOR * ms : ms, now, this.#usualMs);
    // Without the calls that hedges cut short, every other call would look late.
    if (isLate) late.learn(ms);
  }

  get #usualMs(): number {
    return this.#latencies.decode.median.value ?? UNKNOWN_MS;
  }
}
