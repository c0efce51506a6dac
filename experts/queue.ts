// The calls that wait at a shard, and which of them run next. Pure: no clock, no promises.
export interface Job {
  /** Identity. */
  model: string;
  layer: number;
  /** `[m, 2]`: (row, expert) */
  asks: Uint16Array;
  priority: 0 | 1;
  /** Whether and until when the answer is wanted, on the clock of the caller. */
  call: { readonly aborted: boolean; readonly deadlineAt: number };
}

export interface Batch<J> {
  model: string;
  layer: number;
  /** The job whose turn it is, then decode rows, then prefill rows, each oldest first; all of one layer of the model. */
  jobs: J[];
}

/**
 * How often the oldest call may be passed over. If decode rows never cease, prefill rows get every 17th turn, and a call with n calls
 * before it waits for at most 17 (n + 1) turns.
 */
const MOST_PASSED_OVER = 16;

export class LayerQueue<J extends Job> {
  /** All waiting jobs, oldest first. */
  #jobs: J[] = [];
  /** Turns in a row that left the oldest call waiting. */
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

  /** Removes and returns the jobs whose answer is no longer wanted: cancelled, or past their deadline at `now`. */
  takeDead(now: number): J[] {
    const isDead = ({ call }: J) => call.aborted || call.deadlineAt <= now;
    const dead = this.#jobs.filter(isDead);
    if (dead.length > 0) this.#remove(new Set(dead));
    return dead;
  }

  /**
   * Removes and returns what runs next: the oldest job of the highest priority, or the oldest of all if that was passed over too
   * often. Jobs of the same layer join it, up to `maxAsks` pairs in total; a single job may exceed them.
   */
  take(maxAsks: number): Batch<J> | undefined {
    const oldest = this.#jobs[0];
    if (oldest === undefined) return undefined;
    const isDue = this.#passedOver >= MOST_PASSED_OVER;
    const next = isDue ? oldest : (this.#jobs.find(({ priority }) => priority === 0) ?? oldest);
    const { model, layer } = next;
    const others = this.#jobs.filter((job) => job !== next && job.layer === layer && job.model === model);
    const ordered = [
      next,
      ...others.filter(({ priority }) => priority === 0),
      ...others.filter(({ priority }) => priority === 1),
    ];
    const jobs: J[] = [];
    let asks = 0;
    for (const job of ordered) {
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
