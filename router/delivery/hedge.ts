// When a call counts as late or lost, and whether another replica is then called too. Sends and cancels nothing.
//
// Worked example: a call counts as late after 10 ms and as lost after 80 ms, and another exact replica holds its experts:
//   at 10 ms  if the budget has a hedge left → the other replica is called too
//   at 80 ms  if the budget had no hedge     → the other replica is called in any case
import type { Frame } from '../group.ts';
import type { Shard } from '../shards/shard.ts';
import { hasReplica, rungLevel } from './ladder.ts';
import type { Quantile } from './latency.ts';
import { type Attempt, allowedLevel, type Call, type Ledger, mayAsk, mayBorrow } from './ledger.ts';
import type { Latencies } from './timing.ts';

/**
 * What could serve a call's slots instead: another exact replica that is as near as the called one, an exact replica of another
 * zone, a rung of the ladder that all its rows allow, or nothing.
 */
export type Alternative = 'replica' | 'far_replica' | 'lower_rung' | 'none';

type Watch = Pick<Call, 'wake' | 'wakeAt' | 'lostAt'>;

export interface Lateness {
  /** Time after which a hedge may be sent if the budget allows. */
  lateMs: number;
  /** Time after which the rows are sent to another replica even if the budget is empty. */
  lostMs: number;
}

/** A call never counts as late before this time, because shorter delays are common on a busy machine. */
const LEAST_LATE_MS = 1.5;
/** A call counts as lost after this multiple of the time after which calls are late. */
const LOST_FACTOR = 8;
const LEAST_LOST_MS = 40;
/** Used until enough calls were timed. The times are long, because the first calls may be slow. */
const unknown: Lateness = { lateMs: 50, lostMs: 400 };
/** After this multiple of `lostMs`, the rows of an unanswered call may step down the ladder. */
const STEP_DOWN_FACTOR = 3;
const NEVER = Number.POSITIVE_INFINITY;
const unwatched: Watch = { wake: 'lost', wakeAt: NEVER, lostAt: NEVER };
const nextBest = rungLevel('next_best');

/**
 * When to check a call that is sent now. If there is another exact replica, the call also adds to the hedge budget. A call of a shard
 * in this thread is not checked, because the thread that would send the hedge computes the answer.
 */
export function watchFor(ledger: Ledger, frame: Frame, shard: Shard, attempt: Attempt): Watch {
  const alternative = shard.isHere ? 'none' : alternativeTo(ledger, frame, shard, attempt);
  if (alternative === 'none') return unwatched;
  if (alternative === 'replica') ledger.step.fleet.hedges.earn();
  return watchOf(alternative, latenessOf(shard.latencies, frame), ledger.now);
}

export function watchOf(
  alternative: Exclude<Alternative, 'none'>,
  { lateMs, lostMs }: Lateness,
  now: number,
): Watch {
  const lostAt = now + lostMs;
  if (alternative === 'replica') return { wake: 'late', wakeAt: now + lateMs, lostAt };
  // A replica of another zone would hardly be faster than a late one.
  if (alternative === 'far_replica') return { wake: 'lost', wakeAt: lostAt, lostAt };
  const silentAt = now + STEP_DOWN_FACTOR * lostMs;
  return { wake: 'silent', wakeAt: silentAt, lostAt: silentAt };
}

export function alternativeTo(
  ledger: Pick<Ledger, 'step'>,
  { asks, rows }: Frame,
  shard: Shard,
  attempt: Attempt,
): Alternative {
  const { fleet, layer, ladder } = ledger.step;
  if (!fleet.replicated && ladder === undefined) return 'none';
  const mayAll = rows.every((row) => mayBorrow({ step: ledger.step }, row, attempt));
  const isOther = (other: Shard) => other !== shard && (other.isNear || mayAll) && mayAsk(other, attempt);
  const isAsNear = (other: Shard) => isOther(other) && (other.isNear || !shard.isNear);
  const isHeldElsewhere = (level: number, usable = isOther) => {
    for (let i = 1; i < asks.length; i += 2) {
      if (!hasReplica(fleet.replicas(layer, asks[i]!), level, usable)) return false;
    }
    return true;
  };
  if (fleet.replicated && isHeldElsewhere(0)) return isHeldElsewhere(0, isAsNear) ? 'replica' : 'far_replica';
  if (ladder === undefined) return 'none';
  const level = Math.min(...rows.map((row) => allowedLevel(ledger, row, attempt)));
  return level >= nextBest || (level > 0 && isHeldElsewhere(level)) ? 'lower_rung' : 'none';
}

/** Whether another replica is called now: as a hedge that the budget pays for, as a retry that needs no budget, or not yet. */
export function secondCall(wake: 'late' | 'lost', hasBudget: () => boolean): 'hedge' | 'retry' | 'not_yet' {
  if (wake === 'lost') return 'retry';
  return hasBudget() ? 'hedge' : 'not_yet';
}

export function latenessOf({ decode, prefill }: Latencies, frame: Pick<Frame, 'prefill'>): Lateness {
  return lateness(frame.prefill ? prefill : decode);
}

export function lateness({ late }: { late: Quantile }): Lateness {
  const { value } = late;
  if (value === undefined) return unknown;
  const lateMs = Math.max(LEAST_LATE_MS, value);
  return { lateMs, lostMs: Math.max(LEAST_LOST_MS, LOST_FACTOR * value, lateMs) };
}
