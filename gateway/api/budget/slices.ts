// Shares a thread's time between long work and everything else that the thread does: long work runs in slices, one slice
// between two turns of the event loop, and the owners of the work take turns. Knows no work.

/** Work that yields wherever it may be interrupted; its steps should take well under a millisecond. */
export type Steps<Result> = Generator<void, Result, void>;

export interface Owner {
  /** Undefined: all that belongs to nobody in particular. */
  name: string | undefined;
  /** Its part of the time beside other owners. */
  weight: number;
}

/** Told how long a thread worked for an owner, in milliseconds. */
export type Charge = (owner: string | undefined, ms: number) => void;

/** Milliseconds of long work between two turns of the event loop. */
const SLICE_MS = 4;

interface Job {
  /** Runs until `untilMs` or the work's end; true: it is over. */
  run(untilMs: number): boolean;
}

interface Line {
  jobs: Job[];
  /** One of the jobs wakes them. */
  paused: (() => void)[];
  /** Milliseconds used for each unit of weight; the smallest runs next. */
  used: number;
  weight: number;
}

/**
 * Weighted fair queueing over owners (start-time fair queueing, Goyal et al. 1996): an owner that comes back starts where the
 * least served of the others stands, so that idle time earns no lead.
 */
export class Slices {
  readonly #lines = new Map<string | undefined, Line>();
  /** Work for an owner that runs elsewhere tells its time here. */
  readonly charge: Charge;
  readonly #now: () => number;
  readonly #nextTurn: (resume: () => void) => void;
  /** Long work that ran since the event loop last turned, in milliseconds. */
  #spent = 0;
  #scheduled = false;
  /** When the event loop last turned, as far as it was looked at since. */
  #turnedAt: number | undefined;
  #resumed: { name: string | undefined; line: Line; at: number } | undefined;
  /** A job runs; what it asks for itself comes after it. */
  #running = false;

  /** `charge` is told what each slice took. For tests: a clock in milliseconds, and the event loop's next turn. */
  constructor({
    charge = () => {},
    now = () => performance.now(),
    nextTurn = setImmediate,
  }: {
    charge?: Charge;
    now?: () => number;
    nextTurn?: (resume: () => void) => void;
  } = {}) {
    this.charge = charge;
    this.#now = now;
    this.#nextTurn = nextTurn;
  }

  /** Jobs that wait. */
  get waiting(): number {
    return [...this.#lines.values()].reduce((sum, { jobs }) => sum + jobs.length, 0);
  }

  /** Resolves to what the steps return, and rejects with what they throw. Short work is over before the event loop turns. */
  run<Result>(owner: Owner, steps: Steps<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const job: Job = {
        run: (untilMs) => {
          try {
            do {
              const { done, value } = steps.next();
              if (done === true) {
                resolve(value);
                return true;
              }
            } while (this.#now() < untilMs);
            return false;
          } catch (error) {
            reject(error);
            return true;
          }
        },
      };
      const line = this.#lineOf(owner);
      line.jobs.push(job);
      this.#runSlice();
    });
  }

  /** The same for work that cannot be interrupted: it waits for its owner's turn. */
  turn<Result>(owner: Owner, work: () => Result): Promise<Result> {
    return this.run(owner, oneStep(work));
  }

  /**
   * For work in many small promises, none of which lets the event loop turn: undefined while this turn is shorter than a
   * slice, and otherwise a promise of the owner's next slice.
   */
  pause(owner: Owner): Promise<void> | undefined {
    const now = this.#now();
    if (this.#turnedAt === undefined) {
      this.#turnedAt = now;
      this.#awaitTurn();
    }
    if (now - this.#turnedAt < SLICE_MS) return undefined;
    return new Promise((resolve) => {
      const line = this.#lineOf(owner);
      line.paused.push(resolve);
      if (line.paused.length === 1) line.jobs.push({ run: () => this.#resume(owner.name, line) });
      this.#awaitTurn();
    });
  }

  /** All that is paused of one owner shares a slice: it runs when this turn's own work is over, and is measured after that. */
  #resume(name: string | undefined, line: Line): true {
    for (const resolve of line.paused.splice(0)) resolve();
    this.#resumed = { name, line, at: this.#now() };
    this.#spent = SLICE_MS;
    return true;
  }

  #measureResumed(): void {
    if (this.#resumed === undefined) return;
    const { name, line, at } = this.#resumed;
    const took = this.#now() - at;
    line.used += took / line.weight;
    this.charge(name, took);
    this.#resumed = undefined;
  }

  #lineOf({ name, weight }: Owner): Line {
    const known = this.#lines.get(name);
    if (known !== undefined) return known;
    const used = Math.min(...[...this.#lines.values()].map((line) => line.used));
    const line: Line = { jobs: [], paused: [], used: Number.isFinite(used) ? used : 0, weight };
    this.#lines.set(name, line);
    return line;
  }

  /** Runs what there is time for in this turn of the event loop, and leaves the rest to the next turns. */
  #runSlice(): void {
    if (this.#running) return;
    while (this.#spent < SLICE_MS) {
      const next = this.#next();
      if (next === undefined) break;
      const [name, line] = next;
      const job = line.jobs[0] as Job;
      const from = this.#now();
      this.#running = true;
      const over = job.run(from + SLICE_MS - this.#spent);
      this.#running = false;
      const took = this.#now() - from;
      this.#spent += took;
      line.used += took / line.weight;
      this.charge(name, took);
      if (over) line.jobs.shift();
      if (line.jobs.length === 0) this.#lines.delete(name);
    }
    if (this.#spent > 0 || this.#lines.size > 0) this.#awaitTurn();
  }

  #awaitTurn(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#nextTurn(() => {
      this.#scheduled = false;
      this.#spent = 0;
      this.#turnedAt = undefined;
      this.#runSlice();
    });
    // In the same turn, after what that has woken.
    this.#nextTurn(() => this.#measureResumed());
  }

  #next(): [string | undefined, Line] | undefined {
    let least: [string | undefined, Line] | undefined;
    for (const entry of this.#lines) if (least === undefined || entry[1].used < least[1].used) least = entry;
    return least;
  }
}

// biome-ignore lint/correctness/useYield: the work is one step
function* oneStep<Result>(work: () => Result): Steps<Result> {
  return work();
}
