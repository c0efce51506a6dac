// When a call counts as late and when as lost, by what calls of its kind have taken lately.
import { afterSockets } from '../../rpc/deadline.ts';
import type { Quantile } from './latency.ts';

/** On a machine that does anything else, a shorter delay means nothing. */
const LEAST_LATE_MS = 1.5;
/** A call that takes so many times as long as a late one counts as lost. */
const LOST_FACTOR = 8;
const LEAST_LOST_MS = 40;
/** Until enough calls were timed; the first ones may be slow. */
const unknown = { lateMs: 50, lostMs: 400 };

export interface Lateness {
  /** After this, a hedge may be sent if the budget allows. */
  lateMs: number;
  /** After this, the rows are sent again in any case. */
  lostMs: number;
}

export function lateness({ late }: { late: Quantile }): Lateness {
  const { value } = late;
  if (value === undefined) return unknown;
  const lateMs = Math.max(LEAST_LATE_MS, value);
  return { lateMs, lostMs: Math.max(LEAST_LOST_MS, LOST_FACTOR * value, lateMs) };
}

/** Resolves to undefined when `ms` have passed and the sockets were read since; never, once `call` has ended. */
export function wait(ms: number, call: Promise<unknown>): Promise<undefined> {
  return new Promise((resolve) => {
    const callOff = afterSockets(ms, () => resolve(undefined));
    void call.then(callOff, callOff);
  });
}
