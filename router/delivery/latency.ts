// Statistics of recent call times: a mean for one shard and running quantiles for a fleet. Pure; the caller gives the time.

/** Weight of the newest call in the mean. */
const NEWEST = 0.1;
/** While a shard is not called, the part of its mean that exceeds the typical time halves in this time. */
const HALF_LIFE_MS = 2_000;
/** Events of this long ago count 1/e in a rate. */
const RATE_MS = 10_000;

/** An exponentially weighted mean. While there are no calls, a mean above the typical value falls towards this value. */
export class MeanLatency {
  #ms: number | undefined;
  #at = 0;

  learn(ms: number, now: number, typicalMs: number): void {
    const known = this.#ms === undefined ? ms : this.at(now, typicalMs);
    this.#ms = known + NEWEST * (ms - known);
    this.#at = now;
  }

  /** For a call that was given up after `ms`. It would have taken longer, so the mean rises to at least `ms`. */
  learnAtLeast(ms: number, now: number, typicalMs: number): void {
    this.#ms = Math.max(this.at(now, typicalMs), ms);
    this.#at = now;
  }

  /** Milliseconds; `typicalMs` before the first call. */
  at(now: number, typicalMs: number): number {
    if (this.#ms === undefined) return typicalMs;
    if (this.#ms <= typicalMs) return this.#ms;
    return typicalMs + (this.#ms - typicalMs) * 0.5 ** ((now - this.#at) / HALF_LIFE_MS);
  }
}

/** A number of events a second, weighted so that those of the last seconds count most. */
export class Rate {
  #perSecond = 0;
  #at = 0;

  /** `events` have happened at `now`. */
  count(events: number, now: number): void {
    this.#perSecond = this.at(now) + (1_000 * events) / RATE_MS;
    this.#at = now;
  }

  at(now: number): number {
    return this.#perSecond * Math.exp((this.#at - now) / RATE_MS);
  }
}

/** How far one call moves a quantile, relative to the quantile. */
const STEP_SHARE = 0.02;
/** Number of calls that a quantile needs before it has a value. */
const WARM_UP = 100;

/**
 * A running quantile by stochastic approximation (Robbins and Monro) of its logarithm. Each value above the quantile moves it up
 * by `q` steps; each value below moves it down by `1 - q` steps.
 */
export class Quantile {
  readonly #q: number;
  #log: number | undefined;
  #count = 0;

  constructor(q: number) {
    this.#q = q;
  }

  learn(value: number): void {
    const log = Math.log(Math.max(value, 1e-3));
    this.#count++;
    if (this.#log === undefined) {
      this.#log = log;
      return;
    }
    const step = STEP_SHARE * Math.max(1, WARM_UP / this.#count);
    this.#log += step * (log > this.#log ? this.#q : this.#q - 1);
  }

  /** Undefined before `WARM_UP` calls. */
  get value(): number | undefined {
    return this.#log === undefined || this.#count < WARM_UP ? undefined : Math.exp(this.#log);
  }
}
