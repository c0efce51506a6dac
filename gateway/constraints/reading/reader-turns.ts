// Whose specification is read next: of those who wait, whoever has had least of the thread lately. Whoever had much rests for as long as
// its last one took, so that one caller keeps a core busy for half of the time at most. Pure: the clock is the caller's.
//
// Worked example: A has had 2,800 ms within seconds, B nothing. B's next is read before A's, which is read 800 ms after A's last if
// that took 800 ms.

/** What somebody had counts half after so many milliseconds. */
const HALF_LIFE_MS = 10_000;
/** Whoever had less need not rest. Milliseconds. */
const MUCH_MS = 2000;
/** Jobs that wait, of all; a caller may have as many as are still free. */
const MOST_WAITING = 256;

interface Caller<Job> {
  waiting: Job[];
  /** Milliseconds, as of `at`. */
  had: number;
  at: number;
  restsUntil: number;
}

export class Turns<Job> {
  readonly #callers = new Map<string, Caller<Job>>();
  #waiting = 0;

  /** False: too many wait already. */
  add(owner: string, job: Job, now: number): boolean {
    const caller = this.#callers.get(owner) ?? { waiting: [], had: 0, at: now, restsUntil: now };
    if (caller.waiting.length >= MOST_WAITING - this.#waiting) return false;
    this.#callers.set(owner, caller);
    caller.waiting.push(job);
    this.#waiting++;
    return true;
  }

  remove(owner: string, job: Job): void {
    const caller = this.#callers.get(owner);
    const at = caller?.waiting.indexOf(job) ?? -1;
    if (at < 0) return;
    caller?.waiting.splice(at, 1);
    this.#waiting--;
  }

  /** Undefined: nobody's now. `restMs`: in how many milliseconds it is worth asking again, if anybody waits. */
  next(now: number): { owner: string; job: Job } | { restMs: number } | undefined {
    let first: [owner: string, Caller<Job>] | undefined;
    let restMs = Number.POSITIVE_INFINITY;
    for (const [owner, caller] of this.#callers) {
      settle(caller, now);
      if (caller.waiting.length === 0) {
        if (caller.had < 1 && caller.restsUntil <= now) this.#callers.delete(owner);
      } else if (caller.restsUntil > now) restMs = Math.min(restMs, caller.restsUntil - now);
      else if (first === undefined || caller.had < first[1].had) first = [owner, caller];
    }
    const job = first?.[1].waiting.shift();
    if (first === undefined || job === undefined) {
      return restMs < Number.POSITIVE_INFINITY ? { restMs } : undefined;
    }
    this.#waiting--;
    return { owner: first[0], job };
  }

  /** To be told how long a job of the owner's took, once it is done. */
  had(owner: string, ms: number, now: number): void {
    const caller = this.#callers.get(owner) ?? { waiting: [], had: 0, at: now, restsUntil: now };
    this.#callers.set(owner, caller);
    settle(caller, now);
    caller.had += ms;
    if (caller.had > MUCH_MS) caller.restsUntil = now + ms;
  }
}

function settle(caller: { had: number; at: number }, now: number): void {
  caller.had *= 2 ** ((caller.at - now) / HALF_LIFE_MS);
  caller.at = now;
}
