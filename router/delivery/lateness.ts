// When a call counts as late, and as lost, by what its like have taken. The wait for it.
import { afterSockets } from '../../rpc/deadline.ts';
import type { Quantile } from './latency.ts';

/** In milliseconds; sooner is no time at all on a machine that does anything else. */
const leastLateMs = 1.5;
/** So late, something is wrong with the shard, and no budget is asked. */
const lostFactor = 8;
const leastLostMs = 40;
/** While too few calls were timed: a start may be slow. */
const unknown = { lateMs: 50, lostMs: 400 };

export interface Lateness {
  /** After this a hedge may go out, where the budget allows. */
  lateMs: number;
  /** After this it is sent again in any case. */
  lostMs: number;
}

export function lateness({ late }: { late: Quantile }): Lateness {
  const { value } = late;
  if (value === undefined) return unknown;
  const lateMs = Math.max(leastLateMs, value);
  return { lateMs, lostMs: Math.max(leastLostMs, lostFactor * value, lateMs) };
}

/** Resolves, to undefined, when `ms` have passed and the sockets were read since; not at all once `call` has ended. */
export function wait(ms: number, call: Promise<unknown>): Promise<undefined> {
  return new Promise((resolve) => {
    const callOff = afterSockets(ms, () => resolve(undefined));
    void call.then(callOff, callOff);
  });
}
