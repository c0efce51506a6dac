// Learns how long a shard's calls take, and estimates the time of its next call. Knows no connections.
import type { RpcError } from '../../rpc/errors.ts';
import { MeanLatency, Quantile } from './latency.ts';

interface Quantiles {
  median: Quantile;
  /** Calls that take longer than this quantile count as late. */
  late: Quantile;
}

/** Quantiles of the milliseconds that calls take, over all shards of a fleet that are equally far away. */
export interface Latencies {
  decode: Quantiles;
  prefill: Quantiles;
}

/** Expected time of a fleet's first call. */
const UNKNOWN_MS = 1;
/** How long a shard counts as silent after an unanswered call. */
const SILENCE_MS = 1_000;
/** A late call that was cancelled counts in the mean as this multiple of the time that it ran. */
const LATE_FACTOR = 4;
/** Expected time of a call to a busy shard, so that every other shard is preferred. */
const BUSY_COST_MS = 1e6;
/** How long a shard counts as busy if its answer has no `retryAfterMs`. */
const BUSY_MS = 100;

export class Timing {
  /** A function, because a shard's zone is known only once the shard has been connected. */
  readonly #latencies: () => Latencies;
  /** Mean of decode calls only, because the time of a prefill call depends more on the prompt than on the shard. */
  readonly #mean = new MeanLatency();
  /** Of decode calls. */
  readonly #p99 = new Quantile(0.99);
  #busyUntil = 0;
  #silentUntil = 0;

  constructor(latencies: () => Latencies) {
    this.#latencies = latencies;
  }

  /** Expected milliseconds of one more call. */
  cost(inFlight: number): number {
    const now = performance.now();
    if (now < this.#busyUntil) return BUSY_COST_MS;
    return this.#mean.at(now, this.#usualMs) * (1 + inFlight);
  }

  /** To be called if a call was not answered for a long time. */
  noteSilence(): void {
    this.#silentUntil = performance.now() + SILENCE_MS;
  }

  get silent(): boolean {
    return performance.now() < this.#silentUntil;
  }

  /** Milliseconds that 99 % of the decode calls do not exceed. Undefined before enough calls. */
  get p99(): number | undefined {
    return this.#p99.value;
  }

  /** To be called for each answered call. */
  learn(startedAt: number, prefill: boolean): void {
    const now = performance.now();
    const ms = now - startedAt;
    const { median, late } = this.#latencies()[prefill ? 'prefill' : 'decode'];
    if (!prefill) {
      this.#mean.learn(ms, now, this.#usualMs);
      this.#p99.learn(ms);
    }
    median.learn(ms);
    late.learn(ms);
  }

  /** To be called for each failed call. */
  learnFailure({ code, retryAfterMs = BUSY_MS }: RpcError, startedAt: number, prefill: boolean): void {
    const now = performance.now();
    if (code === 'busy') this.#busyUntil = now + retryAfterMs;
    if (code !== 'cancelled' && code !== 'deadline') return;
    const { late } = this.#latencies()[prefill ? 'prefill' : 'decode'];
    const ms = now - startedAt;
    const isLate = late.value !== undefined && ms >= late.value;
    // The call would have taken longer by an unknown time. The multiple keeps the next calls away from the shard for a while.
    if (!prefill) this.#mean.learnAtLeast(isLate ? LATE_FACTOR * ms : ms, now, this.#usualMs);
    // If late calls that hedges cut short did not count, the quantile would fall, and ordinary calls would look late.
    if (isLate) late.learn(ms);
  }

  get #usualMs(): number {
    return this.#latencies().decode.median.value ?? UNKNOWN_MS;
  }
}
