// The budget for reading one specification: work, counted in states of automata, and time. Every loop over a request's input counts
// its work here. The budget is global to the thread, because reading is synchronous: a thread reads one specification at a time.
import { ConstraintFault } from '../fault.ts';

/** The limit of `withinTime` is used up. Not a ConstraintFault, because relax.ts tries a schema again after such a fault. */
export class OutOfTime extends Error {}

interface TimeOptions {
  /** Milliseconds, measured by `clock`. */
  ms: number;
  clock: () => number;
  /** Most states of all automata together. If absent, there is no limit. */
  states?: number;
}

let statesLeft = Number.POSITIVE_INFINITY;
/** The limit of the innermost `withinTime`. */
let limit: { clock: () => number; until: number; states: number } | undefined;
/** Work since the clock was last read. */
let unchecked = 0;
/** The clock is read once for this much work, because reading it takes time. */
const MOST_UNCHECKED = 16;

/**
 * Returns the result of `make`. Throws a ConstraintFault if `make` needs more states than `most` or than an outer limit has left.
 */
export function withinStates<Result>(most: number, make: () => Result): Result {
  const outer = statesLeft;
  const given = Math.min(most, outer);
  statesLeft = given;
  try {
    return make();
  } finally {
    statesLeft = outer - (given - statesLeft);
  }
}

/** Like `withinStates`, but these states do not count towards an outer limit, which may already be used up. */
export function besidesStates<Result>(most: number, make: () => Result): Result {
  const outer = statesLeft;
  statesLeft = most;
  try {
    return make();
  } finally {
    statesLeft = outer;
  }
}

/** Returns the result of `make`. Throws OutOfTime if `make` takes longer than `ms` or needs more than `states`. */
export function withinTime<Result>(
  { ms, clock, states = Number.POSITIVE_INFINITY }: TimeOptions,
  make: () => Result,
): Result {
  const outer = limit;
  limit = { clock, until: clock() + ms, states };
  try {
    return make();
  } finally {
    limit = outer;
  }
}

/** Counts work that takes as long as making this many states. 0 stands for work that takes much less than one state. */
export function spendStates(count: number): void {
  statesLeft -= count;
  if (statesLeft < 0) throw new ConstraintFault('its automata together are too large', '', { costly: true });
  if (limit === undefined) return;
  limit.states -= count;
  if (limit.states < 0) throw new OutOfTime();
  unchecked += 1 + count;
  if (unchecked < MOST_UNCHECKED) return;
  unchecked = 0;
  if (limit.clock() > limit.until) throw new OutOfTime();
}
