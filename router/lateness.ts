// When a call counts as late, and as lost, by what its like have taken. The wait for it.
import { afterSockets } from '../rpc/deadline.ts';
import type { Quantile } from './latency.ts';

/** Late after this many times the 95th percentile, but not before the least, in milliseconds. */
const lateFactor = 1.5;
const leastLateMs = 2;
/** So late, something is wrong with the shard, and no budget is asked. */
const lostFactor = 8;
const leastLostMs = 40;
/** While too few calls were timed. */
const unknownLateMs = 20;

export interface Lateness {
  /** After this a hedge may go out, where the budget allows. */
  lateMs: number;
  /** After this it is sent again in any case. */
  lostMs: number;
}

export function lateness({ p95 }: { p95: Quantile }): Lateness {
  const { value } = p95;
  if (value === undefined) return { lateMs: unknownLateMs, lostMs: Math.max(leastLostMs, 4 * unknownLateMs) };
  const lateMs = Math.max(leastLateMs, lateFactor * value);
  return { lateMs, lostMs: Math.max(leastLostMs, lostFactor * value, lateMs) };
}

/** Resolves, to undefined, when `ms` have passed and the sockets were read since; not at all once `call` has ended. */
export function wait(ms: number, call: Promise<unknown>): Promise<undefined> {
  return new Promise((resolve) => {
    const callOff = afterSockets(ms, () => resolve(undefined));
    void call.then(callOff, callOff);
  });
}
