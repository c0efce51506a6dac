// The order in which a move loads its missing units. A unit that could not be loaded waits behind all other units, and longer after
// each failure. Pure; times are in milliseconds on the clock of the caller.
import type { Unit } from '../../model/devices/expert.ts';

/** Wait of a unit after its first failure. It doubles with each failure, up to `LONGEST_WAIT_MS`. */
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;
/**
 * Pause of all units after a failure. It doubles with each failure, up to `LONGEST_PAUSE_MS`, and is reset when a unit is
 * loaded. If the source of the units is away, the pause prevents thousands of tries and log lines.
 */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

interface Waiting {
  unit: Unit;
  /** Earliest time of the next try. 0: never tried. */
  from: number;
  /** Wait after the next failure. */
  waitMs: number;
}

export class LoadLine {
  readonly #line: Set<Waiting>;
  #pauseMs = FIRST_PAUSE_MS;
  #pausedUntil = 0;

  constructor(units: readonly Unit[]) {
    this.#line = new Set(units.map((unit) => ({ unit, from: 0, waitMs: FIRST_WAIT_MS })));
  }

  /** The unit to try next, and the milliseconds until then. Undefined if every unit is loaded. */
  next(now: number): { next: Waiting; inMs: number } | undefined {
    let next: Waiting | undefined;
    for (const waiting of this.#line) {
      if (next === undefined || waiting.from < next.from) next = waiting;
      if (next.from === 0) break; // a unit that was never tried comes first
    }
    return next && { next, inMs: Math.max(0, next.from - now, this.#pausedUntil - now) };
  }

  loaded(waiting: Waiting): void {
    this.#line.delete(waiting);
    this.#pauseMs = FIRST_PAUSE_MS;
  }

  /** Returns the wait of this unit. The next try may come later, because other units are tried first. */
  failed(waiting: Waiting, now: number): number {
    const { waitMs } = waiting;
    waiting.from = now + waitMs;
    waiting.waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
    this.#pausedUntil = now + this.#pauseMs;
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    return waitMs;
  }
}
