// Shares the time of a thread between long work and everything else that the thread does. Long work runs in slices of a few
// milliseconds, one in each turn of the event loop. Tenants take turns. While connections arrive, slices are short.

/** Work that yields at each place at which it may be interrupted. Each step should take well under a millisecond. */
export type Steps<Result> = Generator<void, Result, void>;

export interface Tenant {
  /** Name of the API key. Undefined: all requests without an API key. */
  name: string | undefined;
  /** Relative share of the time: a tenant with weight 2 gets twice as much as a tenant with weight 1. */
  weight: number;
}

/** Called with the time that a thread has worked for a tenant, in milliseconds. */
export type Charge = (tenant: string | undefined, ms: number) => void;

/** Smallest charge in milliseconds. Charges are messages to other threads, so the time is added up until then. */
const WORTH_MS = 4;

/** Returns a function that adds up each tenant's time, and calls `charge` when the sum reaches WORTH_MS. */
export function chargeNowAndThen(charge: Charge): Charge {
  const spent = new Map<string | undefined, number>();
  return (tenant, ms) => {
    const sum = (spent.get(tenant) ?? 0) + ms;
    if (sum < WORTH_MS) spent.set(tenant, sum);
    else {
      spent.delete(tenant);
      charge(tenant, sum);
    }
  };
}

/** Milliseconds of long work in one turn of the event loop. */
const SLICE_MS = 4;

/** The same while connections arrive. Enough for the work of an ordinary request, and long work still goes on. */
const SHORT_SLICE_MS = 0.25;

interface Job {
  /** Runs until `untilMs` or the end of the work. Returns whether the work has ended. */
  run(untilMs: number): boolean;
}

/** The waiting work of one tenant. */
interface Line {
  jobs: Job[];
  /** Functions that resolve the promises of `pause`. If there are any, one of `jobs` calls them all. */
  paused: (() => void)[];
  /** Milliseconds used, divided by the weight. The tenant with the smallest value runs next. */
  used: number;
  weight: number;
}

/**
 * Weighted fair queueing over tenants (start-time fair queueing, Goyal et al. 1996). A tenant that returns starts with the
 * smallest `used` of the waiting tenants, so that idle time gives no advantage.
 */
export class Slices {
  readonly #lines = new Map<string | undefined, Line>();
  /** For callers: charges a tenant for the time of its work on other threads. */
  readonly charge: Charge;
  readonly #now: () => number;
  readonly #nextTurn: (resume: () => void) => void;
  /** Milliseconds for long work in this turn of the event loop, and how many of them have passed. */
  #slice = SLICE_MS;
  #spent = 0;
  #scheduled = false;
  /** Whether `shortenTurn` was called since the last turn began. */
  #shorten = false;
  /** Time at which `pause` was first called in this turn of the event loop. */
  #turnedAt: number | undefined;
  #resumed: { name: string | undefined; line: Line; at: number } | undefined;
  /** Whether a job is running. If that job starts other work, the other work runs after the job. */
  #running = false;

  /** `charge` gets the time of each job. Tests replace the clock (milliseconds) and the turns of the event loop. */
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

  /** Number of waiting jobs. */
  get waiting(): number {
    return [...this.#lines.values()].reduce((sum, { jobs }) => sum + jobs.length, 0);
  }

  /** Resolves to the value that the steps return, or rejects with their error. Short work ends before the event loop turns. */
  run<Result>(tenant: Tenant, steps: Steps<Result>): Promise<Result> {
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
      const line = this.#lineOf(tenant);
      line.jobs.push(job);
      this.#runSlice();
    });
  }

  /** Runs `work` when it is the tenant's turn. `work` cannot be interrupted. */
  turn<Result>(tenant: Tenant, work: () => Result): Promise<Result> {
    return this.run(tenant, oneStep(work));
  }

  /**
   * For work in many small promises, between which the event loop does not turn. Returns undefined if this turn is still shorter
   * than a slice. Otherwise returns a promise that resolves in the tenant's next slice.
   */
  pause(tenant: Tenant): Promise<void> | undefined {
    const now = this.#now();
    if (this.#turnedAt === undefined) {
      this.#turnedAt = now;
      this.#awaitTurn();
    }
    if (now - this.#turnedAt < this.#slice) return undefined;
    return new Promise((resolve) => {
      const line = this.#lineOf(tenant);
      line.paused.push(resolve);
      if (line.paused.length === 1) line.jobs.push({ run: () => this.#resume(tenant.name, line) });
      this.#awaitTurn();
    });
  }

  /**
   * Makes the slice of the next turn short. The server calls this for each connection that it accepts. Node accepts only one
   * connection in a turn, so the last of many that arrive together waits for as many turns.
   */
  shortenTurn(): void {
    this.#shorten = true;
    this.#awaitTurn();
  }

  /** Resumes all paused work of one tenant in one slice. The work runs after this call; `#measureResumed` measures it. */
  #resume(name: string | undefined, line: Line): true {
    for (const resolve of line.paused.splice(0)) resolve();
    this.#resumed = { name, line, at: this.#now() };
    this.#spent = this.#slice;
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

  #lineOf({ name, weight }: Tenant): Line {
    const known = this.#lines.get(name);
    if (known !== undefined) return known;
    const used = Math.min(...[...this.#lines.values()].map((line) => line.used));
    const line: Line = { jobs: [], paused: [], used: Number.isFinite(used) ? used : 0, weight };
    this.#lines.set(name, line);
    return line;
  }

  /** Runs jobs while this turn of the event loop has time for them. Later turns run the others. */
  #runSlice(): void {
    if (this.#running) return;
    while (this.#spent < this.#slice) {
      const next = this.#next();
      if (next === undefined) break;
      const [name, line] = next;
      const job = line.jobs[0] as Job;
      const from = this.#now();
      this.#running = true;
      const over = job.run(from + this.#slice - this.#spent);
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
      this.#turnedAt = undefined;
      this.#slice = this.#shorten ? SHORT_SLICE_MS : SLICE_MS;
      this.#shorten = false;
      this.#spent = 0;
      this.#runSlice();
    });
    // This callback runs in the same turn as the one above, after the work that `#resume` has resumed there.
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
