// What reading one specification may take: work, counted in states of automata, and time. Whoever loops over what a caller sent
// counts its work here. State of the thread, for reading is synchronous: nothing else is read meanwhile.
import { ConstraintFault } from '../fault.ts';

/** More than the time was spent. No ConstraintFault: nothing is wrong with the specification, and nothing can be left out of it. */
export class OutOfTime extends Error {}

export interface TimeOptions {
  /** Milliseconds by `clock`. */
  ms: number;
  clock: () => number;
  /** Of all automata; absent: any number. */
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
/** The clock is read once in so many times that work is counted. */
const LOOKS = 16;

/** What `make` gives. Throws a ConstraintFault where it takes more than so many states in all its automata, or than are left further out. */
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

/** What `make` gives. Throws OutOfTime where it takes longer, or more states. */
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

/** Counts work that takes as long as making so many states; 0: much less than one. */
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
