// How long calls have taken lately: a mean for one shard, which fades, and running quantiles for a fleet. Pure; time is given.

/** Weight of the newest call. */
const NEWEST = 0.1;
/** While a shard is not called, its delay fades by half in this time, so that it is tried again. */
const HALF_LIFE_MS = 2_000;

/** An exponentially weighted mean that fades towards a typical value while nothing is learnt. */
export class MeanLatency {
  #ms: number | undefined;
  #at = 0;

  learn(ms: number, now: number, typicalMs: number): void {
    const known = this.#ms === undefined ? ms : this.at(now, typicalMs);
    this.#ms = known + NEWEST * (ms - known);
    this.#at = now;
  }

  /** A call was given up after `ms`. It would have taken longer, and the next one is expected to. */
  learnAtLeast(ms: number, now: number, typicalMs: number): void {
    this.#ms = Math.max(this.at(now, typicalMs), ms);
    this.#at = now;
  }

  /** Milliseconds; `typicalMs` if nothing is known. */
  at(now: number, typicalMs: number): number {
    if (this.#ms === undefined) return typicalMs;
    if (this.#ms <= typicalMs) return this.#ms;
    return typicalMs + (this.#ms - typicalMs) * 0.5 ** ((now - this.#at) / HALF_LIFE_MS);
  }
}

/** How far one call moves a quantile, as a share of it. */
const STEP_SHARE = 0.02;
/** Number of calls after which a quantile is known. */
const WARM_UP = 100;

/**
 * A running quantile by stochastic approximation (Robbins and Monro) of the logarithm: each value above it moves it up by
 * `q` steps, each one below down by `1 - q`.
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

  /** Undefined until enough calls were seen. */
  get value(): number | undefined {
    return this.#log === undefined || this.#count < WARM_UP ? undefined : Math.exp(this.#log);
  }
}
