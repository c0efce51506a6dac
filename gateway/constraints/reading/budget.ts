// Budget for reading one specification: work, counted in states of automata, and time. Every loop over input of a caller counts its
// work here. The state is global to the thread, because reading is synchronous and nothing else is read meanwhile.
import { ConstraintFault } from '../fault.ts';

/** The time is used up. Not a ConstraintFault, because leaving out a keyword would not help. */
export class OutOfTime extends Error {}

export interface TimeOptions {
  /** Milliseconds by `clock`. */
  ms: number;
  clock: () => number;
  /** Most states of all automata together. Absent for any number. */
  states?: number;
}

interface TimeLimit {
  clock: () => number;
  until: number;
  states: number;
}

let statesLeft = Number.POSITIVE_INFINITY;
let limit: TimeLimit | undefined;
let looks = 0;
/** The clock is read once for this many counts of work. */
const LOOKS = 16;

/** Returns what `make` returns. Throws a ConstraintFault if its automata together take more than `states`, or more than an outer limit leaves. */
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

/** Returns what `make` returns. Throws OutOfTime if it takes longer or needs more states. */
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

/** Counts work that takes as long as making this many states; 0 for much less than one. */
export function spendStates(count: number): void {
  statesLeft -= count;
  if (statesLeft < 0) throw new ConstraintFault('its automata together are too large', '', { costly: true });
  if (limit === undefined) return;
  limit.states -= count;
  if (limit.states < 0) throw new OutOfTime();
  looks += 1 + count;
  if (looks < LOOKS) return;
  looks = 0;
  if (limit.clock() > limit.until) throw new OutOfTime();
}
