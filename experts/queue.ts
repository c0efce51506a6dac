// The queue of calls at a shard, and the choice of the calls that run next. Pure: no clock, no promises.
export interface Job {
  /** Identity of the model. */
  model: string;
  layer: number;
  /** `[m, 2]`: pairs (row, expert) */
  asks: Uint16Array;
  /** 0: decode rows; 1: prefill rows. */
  priority: 0 | 1;
  /** `deadlineAt` is on the same clock as the time that `takeDead` gets. */
  call: { readonly aborted: boolean; readonly deadlineAt: number };
}

export interface Batch<J> {
  model: string;
  layer: number;
  /** The job whose turn it is, then jobs with decode rows, then jobs with prefill rows, each group oldest first. */
  jobs: J[];
}

/**
 * How many consecutive turns (batches) may pass over the oldest call. If decode rows arrive without end, prefill rows get every 17th
 * turn. A call behind n calls waits for at most 17 (n + 1) turns.
 */
export const MOST_PASSED_OVER = 16;

export class LayerQueue<J extends Job> {
  /** All waiting jobs, oldest first. */
  #jobs: J[] = [];
  /** Number of consecutive turns that did not run the oldest call. */
  #passedOver = 0;
  #asks = 0;

  get calls(): number {
    return this.#jobs.length;
  }

  /** Number of waiting (row, expert) pairs. */
  get asks(): number {
    return this.#asks;
  }

  push(job: J): void {
    this.#jobs.push(job);
    this.#asks += job.asks.length / 2;
  }

  /** Removes and returns the jobs that were cancelled or whose deadline is past at `now`. */
  takeDead(now: number): J[] {
    const isDead = ({ call }: J) => call.aborted || call.deadlineAt <= now;
    const dead = this.#jobs.filter(isDead);
    if (dead.length > 0) this.#remove(new Set(dead));
    return dead;
  }

  /**
   * Removes and returns the jobs that run next. The first is the oldest job with decode rows. It is the oldest of all jobs if none
   * has decode rows, or if the oldest was passed over too often. Jobs of the same layer and model join it, up to `maxAsks` pairs
   * (row, expert) in total. A single job may exceed `maxAsks`.
   */
  take(maxAsks: number): Batch<J> | undefined {
    const oldest = this.#jobs[0];
    if (oldest === undefined) return undefined;
    const isDue = this.#passedOver >= MOST_PASSED_OVER;
    const next = isDue ? oldest : (this.#jobs.find(({ priority }) => priority === 0) ?? oldest);
    const { model, layer } = next;
    const others = this.#jobs.filter((job) => job !== next && job.layer === layer && job.model === model);
    const jobs: J[] = [];
    let asks = 0;
    for (const job of [next, ...others.sort((a, b) => a.priority - b.priority)]) {
      asks += job.asks.length / 2;
      if (jobs.length > 0 && asks > maxAsks) break;
      jobs.push(job);
    }
    this.#passedOver = jobs.includes(oldest) ? 0 : this.#passedOver + 1;
    this.#remove(new Set(jobs));
    return { model, layer, jobs };
  }

  #remove(taken: ReadonlySet<J>): void {
    this.#jobs = this.#jobs.filter((job) => !taken.has(job));
    for (const { asks } of taken) this.#asks -= asks.length / 2;
  }
}
