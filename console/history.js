// Counters looked at every few seconds become the last ten minutes of rates and quantiles. Pure; the clock is given.
import { histogram, total } from './samples.js';

/**
 * @typedef {import('./samples.js').Sample} Sample
 * @typedef {import('./samples.js').Histogram} Histogram
 * @typedef {{ at: number, tokens: number, first: Histogram, next: Histogram }} Look what was read at `at` (ms)
 * @typedef {{ median: number, slow: number }} Quantiles seconds; `slow` is the 95th of a hundred
 * @typedef {{ at: number, rate: number | undefined, first: Quantiles | undefined, next: Quantiles | undefined }} Point
 */

export const KEPT_MS = 600_000;
/** Quantiles are over so much of the past: single requests come seldom. */
const WINDOW_MS = 20_000;
/** After a longer silence (the tab was hidden) nothing is said of the time between. */
const GAP_MS = 10_000;

/**
 * @param {ReadonlyMap<string, Sample[]>} samples
 * @param {number} at
 * @returns {Look}
 */
export function lookOf(samples, at) {
  return {
    at,
    tokens: total(samples, 'expertgrid_engine_generated_tokens_total') ?? 0,
    first: histogram(samples, 'expertgrid_time_to_first_token_seconds'),
    next: histogram(samples, 'expertgrid_inter_token_latency_seconds'),
  };
}

export class History {
  /** @type {Look[]} */
  #looks = [];
  /** @type {Point[]} of the last ten minutes, oldest first */
  points = [];

  /** @param {Look} look */
  add(look) {
    const before = this.#looks.at(-1);
    // Counters that fell are another process's: nothing follows from the difference.
    const broken = before === undefined || look.tokens < before.tokens || look.at - before.at > GAP_MS;
    if (broken) this.#looks = [];
    else this.#looks = this.#looks.filter(({ at }) => at >= look.at - WINDOW_MS);
    const since = this.#looks[0];
    this.points = this.points.filter(({ at }) => at >= look.at - KEPT_MS);
    this.points.push({
      at: look.at,
      rate: broken ? undefined : (1000 * (look.tokens - before.tokens)) / (look.at - before.at),
      first: since && quantiles(difference(look.first, since.first)),
      next: since && quantiles(difference(look.next, since.next)),
    });
    this.#looks.push(look);
  }
}

/**
 * What was observed between two looks. A bound that the earlier one did not have yet had counted nothing.
 * @param {Histogram} now
 * @param {Histogram} before
 * @returns {Histogram}
 */
export function difference(now, before) {
  const counts = now.counts.map((count, i) => {
    const at = before.bounds.indexOf(now.bounds[i] ?? Number.NaN);
    return count - (before.counts[at] ?? 0);
  });
  return { bounds: now.bounds, counts };
}

/**
 * @param {Histogram} histogram
 * @returns {Quantiles | undefined} undefined where nothing was observed
 */
function quantiles(histogram) {
  const median = quantile(histogram, 0.5);
  const slow = quantile(histogram, 0.95);
  return median === undefined || slow === undefined ? undefined : { median, slow };
}

/**
 * Linear inside a bucket, as Prometheus' histogram_quantile has it; above the last finite bound, that bound.
 * @param {Histogram} histogram
 * @param {number} share 0 to 1
 */
export function quantile({ bounds, counts }, share) {
  const all = counts.at(-1) ?? 0;
  if (all <= 0) return undefined;
  const wanted = share * all;
  const at = counts.findIndex((count) => count >= wanted);
  const [low, high] = [bounds[at - 1] ?? 0, bounds[at] ?? 0];
  if (!Number.isFinite(high)) return low;
  const [below, upTo] = [counts[at - 1] ?? 0, counts[at] ?? 0];
  return low + ((high - low) * (wanted - below)) / (upTo - below);
}
