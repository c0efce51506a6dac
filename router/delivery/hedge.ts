// What is done about a call that takes long. Starts nothing.
//
// Worked example: a call counts as late after 10 ms and as lost after 80 ms, and another exact replica holds its experts:
//   at 10 ms  the budget has a hedge left → the other replica is asked too
//   at 80 ms  the budget had none         → the other replica is asked in any case
import type { Frame } from '../group.ts';
import type { Shard } from '../shards/shard.ts';
import { hasReplica, rungLevel } from './ladder.ts';
import { type Lateness, lateness } from './lateness.ts';
import { type Attempt, allowedLevel, type Call, type Ledger, mayAsk, unanswered } from './ledger.ts';

/** What else could serve the slots of a call: another exact replica, a lower rung that all their rows allow, or nothing. */
export type Alternative = 'replica' | 'lower_rung' | 'none';

type Watch = Pick<Call, 'wake' | 'wakeAt' | 'lostAt'>;

/** A lower rung takes over after so many times as long as it takes for a call to count as lost. */
const STEP_DOWN_FACTOR = 3;
const NEVER = Number.POSITIVE_INFINITY;
const unwatched: Watch = { wake: 'lost', wakeAt: NEVER, lostAt: NEVER };
const nextBest = rungLevel('next_best');

/** When a call that is sent now is first looked at. One that has an exact alternative earns a part of a hedge. */
export function watchFor(ledger: Ledger, frame: Frame, shard: Shard, attempt: Attempt): Watch {
  const alternative = alternativeTo(ledger, frame, shard, attempt);
  if (alternative === 'none') return unwatched;
  if (alternative === 'replica') ledger.step.fleet.hedges.earn();
  return watchOf(alternative, latenessOf(ledger, frame), ledger.now);
}

export function watchOf(
  alternative: Exclude<Alternative, 'none'>,
  { lateMs, lostMs }: Lateness,
  now: number,
): Watch {
  if (alternative === 'replica') return { wake: 'late', wakeAt: now + lateMs, lostAt: now + lostMs };
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
  const isOther = (other: Shard) => other !== shard && mayAsk(other, attempt);
  const isHeldElsewhere = (level: number) => {
    for (let i = 1; i < asks.length; i += 2) {
      if (!hasReplica(fleet.replicas(layer, asks[i]!), level, isOther)) return false;
    }
    return true;
  };
  if (fleet.replicated && isHeldElsewhere(0)) return 'replica';
  if (ladder === undefined) return 'none';
  const level = Math.min(...rows.map((row) => allowedLevel(ledger, row, attempt)));
  return level >= nextBest || (level > 0 && isHeldElsewhere(level)) ? 'lower_rung' : 'none';
}

/** Whether another replica is asked: as a hedge that the budget pays for, as a retry that needs no budget, or not yet. */
export function secondCall(wake: 'late' | 'lost', hasBudget: () => boolean): 'hedge' | 'retry' | 'not_yet' {
  if (wake === 'lost') return 'retry';
  return hasBudget() ? 'hedge' : 'not_yet';
}

/** Calls under way whose slots other shards have all answered, now that `call` is answered too; the newest first. */
export function beatenBy(ledger: Ledger, { attempt }: Call): Call[] {
  const isBeaten = (each: Call) => ledger.open.includes(each) && unanswered(ledger, each).length === 0;
  return attempt.beside.filter(isBeaten).reverse();
}

export function latenessOf({ step: { fleet } }: Pick<Ledger, 'step'>, { prefill }: Frame): Lateness {
  return lateness(prefill ? fleet.latencies.prefill : fleet.latencies.decode);
}
