// What calls have taken of late: a shard's mean, which forgets, and quantiles of the fleet's. Pure; time is given.

/** Weight of the newest call. */
const newest = 0.1;
/** What was learnt of a shard that is no longer called fades by half in this time: it is tried again. */
const halfLifeMs = 2_000;

/** An exponentially weighted mean that fades towards a typical value while nothing is learnt. */
export class MeanLatency {
  #ms: number | undefined;
  #at = 0;

  learn(ms: number, now: number, typicalMs: number): void {
    const known = this.#ms === undefined ? ms : this.at(now, typicalMs);
    this.#ms = known + newest * (ms - known);
    this.#at = now;
  }

  /** The call was given up after `ms`: it would have taken longer, and the next one would too. */
  learnAtLeast(ms: number, now: number, typicalMs: number): void {
    this.#ms = Math.max(this.at(now, typicalMs), ms);
    this.#at = now;
  }

  /** Milliseconds; `typicalMs` where nothing is known. */
  at(now: number, typicalMs: number): number {
    if (this.#ms === undefined) return typicalMs;
    if (this.#ms <= typicalMs) return this.#ms;
    return typicalMs + (this.#ms - typicalMs) * 0.5 ** ((now - this.#at) / halfLifeMs);
  }
}

/** How far one call moves a percentile, as a share of it. */
const stepShare = 0.02;
/** Calls before the percentile is more than a guess. */
const warmUp = 100;

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
    const step = stepShare * Math.max(1, warmUp / this.#count);
    this.#log += step * (log > this.#log ? this.#q : this.#q - 1);
  }

  /** Undefined until enough was seen. */
  get value(): number | undefined {
    return this.#log === undefined || this.#count < warmUp ? undefined : Math.exp(this.#log);
  }
}
