// How long a shard's calls take, as they end: what one more would cost, and whether it answers at all. Knows no connection.
import type { RpcError } from '../../rpc/errors.ts';
import { MeanLatency, type Quantile } from './latency.ts';

/** Milliseconds of the fleet's calls, of generated rows and of bulk ones: what is usual, and what is late. */
export interface Latencies {
  short: { median: Quantile; late: Quantile };
  bulk: { median: Quantile; late: Quantile };
}

/** What a first call is thought to take. */
const unknownMs = 1;
const silenceMs = 1_000;
/** A call that was given up late is taken for one of so many times that length. */
const lateFactor = 4;
/** Cost of a shard that said it is busy: any other is better. */
const busyCostMs = 1e6;

export class Timing {
  readonly #latencies: Latencies;
  /** Of generated rows: how long prompts take says more of the prompts than of the shard. */
  readonly #mean = new MeanLatency();
  #busyUntil = 0;
  #silentUntil = 0;

  constructor(latencies: Latencies) {
    this.#latencies = latencies;
  }

  /** Milliseconds that one more call is expected to take. */
  cost(inFlight: number): number {
    const now = performance.now();
    if (now < this.#busyUntil) return busyCostMs;
    return this.#mean.at(now, this.#usualMs) * (1 + inFlight);
  }

  /** A call was not answered in a long time. */
  noteSilence(): void {
    this.#silentUntil = performance.now() + silenceMs;
  }

  get silent(): boolean {
    return performance.now() < this.#silentUntil;
  }

  /** A call was answered. */
  learn(startedAt: number, bulk: boolean): void {
    const now = performance.now();
    const ms = now - startedAt;
    const { median, late } = this.#latencies[bulk ? 'bulk' : 'short'];
    if (!bulk) this.#mean.learn(ms, now, this.#usualMs);
    median.learn(ms);
    late.learn(ms);
  }

  /** A call was not. */
  learnFailure({ code, retryAfterMs = 100 }: RpcError, startedAt: number, bulk: boolean): void {
    const now = performance.now();
    if (code === 'busy') this.#busyUntil = now + retryAfterMs;
    // Given up or timed out: it takes longer than that.
    if (code !== 'cancelled' && code !== 'deadline') return;
    const { late } = this.#latencies[bulk ? 'bulk' : 'short'];
    const ms = now - startedAt;
    const isLate = late.value !== undefined && ms >= late.value;
    // How much longer it would have taken nobody knows; to ask it again soon would cost as much again.
    if (!bulk) this.#mean.learnAtLeast(isLate ? lateFactor * ms : ms, now, this.#usualMs);
    // Left out, the calls that hedges cut short would make every other one look late.
    if (isLate) late.learn(ms);
  }

  get #usualMs(): number {
    return this.#latencies.short.median.value ?? unknownMs;
  }
}
