// The units that a move has still to load, in the order in which they are tried: one that failed waits behind all others,
// longer each time. Pure; time is given.
import type { Unit } from '../../model/devices/expert.ts';

/** After a unit's first failure; doubles. Milliseconds. */
const FIRST_WAIT = 200;
const LONGEST_WAIT = 5_000;
/**
 * Before any other unit is tried after a failure; doubles while nothing is loaded. Where all fail, because their source is
 * away, thousands of them would be tried and told of at once.
 */
const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 1_000;

interface Waiting {
  unit: Unit;
  /** Not to be tried before; on the clock that the caller gives. */
  from: number;
  /** After its next failure. */
  waitMs: number;
}

export class LoadLine {
  readonly #line: Set<Waiting>;
  #pauseMs = FIRST_PAUSE;
  #pausedUntil = 0;

  constructor(units: readonly Unit[]) {
    this.#line = new Set(units.map((unit) => ({ unit, from: 0, waitMs: FIRST_WAIT })));
  }

  /** What to try next, and in how many milliseconds; undefined where nothing is left. */
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
    this.#pauseMs = FIRST_PAUSE;
  }

  /** Milliseconds until it is tried again at the earliest. */
  failed(waiting: Waiting, now: number): number {
    const { waitMs } = waiting;
    waiting.from = now + waitMs;
    waiting.waitMs = Math.min(2 * waitMs, LONGEST_WAIT);
    this.#pausedUntil = now + this.#pauseMs;
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE);
    return waitMs;
  }
}
