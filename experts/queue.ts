// What waits at a shard, by model and layer, and what is taken next. Pure: no clock, no promises; knows no weights.
export interface Job {
  /** Identity. */
  model: string;
  layer: number;
  /** `[m, 2]`: (row, expert) */
  asks: Uint16Array;
  priority: 0 | 1;
  /** Whose answer is wanted, until when (on the clock that `take` is given). */
  call: { readonly aborted: boolean; readonly deadlineAt: number };
}

export interface Batch<J> {
  model: string;
  layer: number;
  /** Of that model's layer: the one whose turn it is, then rows of generated tokens, then bulk rows, each oldest first. */
  jobs: J[];
}

/**
 * The oldest call is passed over so many times at most: where generated rows never cease, bulk ones get every 17th turn, and
 * a call with n before it waits for 17 (n + 1) turns at most.
 */
const MOST_PASSED_OVER = 16;

export class LayerQueue<J extends Job> {
  /** All that waits, oldest first. */
  #jobs: J[] = [];
  /** Turns in a row that left the oldest call waiting. */
  #passedOver = 0;
  #asks = 0;

  get calls(): number {
    return this.#jobs.length;
  }

  /** (row, expert) pairs that wait. */
  get asks(): number {
    return this.#asks;
  }

  push(job: J): void {
    this.#jobs.push(job);
    this.#asks += job.asks.length / 2;
  }

  /** Removes and returns what nobody waits for any more: cancelled, or past its deadline at `now`. */
  takeDead(now: number): J[] {
    const isDead = ({ call }: J) => call.aborted || call.deadlineAt <= now;
    const dead = this.#jobs.filter(isDead);
    if (dead.length > 0) this.#remove(new Set(dead));
    return dead;
  }

  /**
   * Removes and returns what runs next: the layer of the oldest job of the highest priority, or of the oldest of all where
   * that was passed over too often; with it whatever else waits for that layer, up to `maxAsks` pairs (a single job may
   * exceed it).
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
