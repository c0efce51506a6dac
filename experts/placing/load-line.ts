// The units that a move has still to load, in the order in which they are tried. A unit that failed waits
// behind all others, longer after each failure. Pure; the caller passes the time.
import type { Unit } from '../../model/devices/expert.ts';

/** How long a unit waits after its first failure. The wait doubles with each failure, up to the longest. */
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;
/**
 * How long no unit is tried after a failure. The pause doubles with each failure, up to the longest, until a
 * unit is loaded. Without it, thousands of units would be tried and logged at once if the source of all units
 * is away.
 */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

interface Waiting {
  unit: Unit;
  /** Earliest time of the next try, on the clock of the caller. */
  from: number;
  /** Wait after its next failure. */
  waitMs: number;
}

export class LoadLine {
  readonly #line: Set<Waiting>;
  #pauseMs = FIRST_PAUSE_MS;
  #pausedUntil = 0;

  constructor(units: readonly Unit[]) {
    this.#line = new Set(units.map((unit) => ({ unit, from: 0, waitMs: FIRST_WAIT_MS })));
  }

  /** The unit to try next, and in how many milliseconds; undefined if none is left. */
  next(now: number): { next: Waiting; inMs: number } | undefined {
    let next: Waiting | undefined;
    for (const waiting of this.#line) {
      if (next === undefined || waiting.from < next.from) next = waiting;
      if (next.from === 0) break; // never tried: none comes before it
    }
    return next && { next, inMs: Math.max(0, next.from - now, this.#pausedUntil - now) };
  }

  loaded(waiting: Waiting): void {
    this.#line.delete(waiting);
    this.#pauseMs = FIRST_PAUSE_MS;
  }

  /** Returns the least number of milliseconds until the unit is tried again. */
  failed(waiting: Waiting, now: number): number {
    const { waitMs } = waiting;
    waiting.from = now + waitMs;
    waiting.waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
    this.#pausedUntil = now + this.#pauseMs;
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    return waitMs;
  }
}
