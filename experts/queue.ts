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
  /** Of that model's layer, rows of generated tokens before bulk rows, each oldest first. */
  jobs: J[];
}

export class LayerQueue<J extends Job> {
  /** All that waits, oldest first. */
  #jobs: J[] = [];
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
   * Removes and returns what runs next: the layer of the oldest job of the highest priority, and with it whatever else
   * waits for that layer, up to `maxAsks` pairs (a single job may exceed it).
   */
  take(maxAsks: number): Batch<J> | undefined {
    const next = this.#jobs.find(({ priority }) => priority === 0) ?? this.#jobs[0];
    if (next === undefined) return undefined;
    const { model, layer } = next;
    const candidates = this.#jobs.filter((job) => job.layer === layer && job.model === model);
    const ordered = [
      ...candidates.filter(({ priority }) => priority === 0),
      ...candidates.filter(({ priority }) => priority === 1),
    ];
    const jobs: J[] = [];
    let asks = 0;
    for (const job of ordered) {
      asks += job.asks.length / 2;
      if (jobs.length > 0 && asks > maxAsks) break;
      jobs.push(job);
    }
    this.#remove(new Set(jobs));
    return { model, layer, jobs };
  }

  #remove(taken: ReadonlySet<J>): void {
    this.#jobs = this.#jobs.filter((job) => !taken.has(job));
    for (const { asks } of taken) this.#asks -= asks.length / 2;
  }
}
