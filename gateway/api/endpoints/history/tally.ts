// Counts requests and times since the start of the process, as plain numbers for the history.

/**
 * A histogram. `counts[i]` is the number of values that are above `bounds[i - 1]` and at most `bounds[i]`. The last count is that of
 * values above all bounds.
 */
class Buckets {
  readonly bounds: readonly number[];
  readonly counts: number[];

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const at = this.bounds.findIndex((bound) => value <= bound);
    const place = at === -1 ? this.bounds.length : at;
    this.counts[place] = (this.counts[place] ?? 0) + 1;
  }
}

export interface Tally {
  /** Number of requests that have ended, except those for polled routes. */
  requests: number;
  /** Number of `requests` that ended with a status of 500 or more. */
  errors: number;
  /** Number of `requests` that ended with a status of 400 to 498. Status 499 means that the client left. */
  refused: number;
  /** Seconds from a request to its first token. */
  firstToken: Buckets;
  /** Seconds between two tokens of a choice. */
  nextToken: Buckets;
}

export function createTally({ first, next }: { first: number[]; next: number[] }): Tally {
  const counts = { requests: 0, errors: 0, refused: 0 };
  return { ...counts, firstToken: new Buckets(first), nextToken: new Buckets(next) };
}

/**
 * The value below which a `share` (0 to 1) of the observed values lies. Interpolates linearly inside a bucket, as Prometheus'
 * histogram_quantile does. If the value is above the last bound, returns that bound. Undefined if nothing was observed.
 */
export function quantile(bounds: readonly number[], counts: readonly number[], share: number) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return undefined;
  let below = 0;
  for (const [i, high] of bounds.entries()) {
    const inside = counts[i] ?? 0;
    if (inside > 0 && below + inside >= share * all) {
      const low = bounds[i - 1] ?? 0;
      return low + ((high - low) * (share * all - below)) / inside;
    }
    below += inside;
  }
  return bounds.at(-1);
}
