// Decides what becomes of slots for which no replica can be called now: they get another expert or none, wait, or fail. Changes the
// ledger only.
import { RpcError, type RpcErrorCode } from '../../rpc/errors.ts';
import type { Owners } from '../owners.ts';
import { expertsOf, rowOf } from '../routing/assignment.ts';
import type { Shard } from '../shards/shard.ts';
import { hasReplica, rungLevel } from './ladder.ts';
import {
  type Attempt,
  allowedLevel,
  fail,
  type Ledger,
  markDegraded,
  mayBorrow,
  type Wait,
} from './ledger.ts';

/** After these errors, another replica may answer, or the same replica a little later. */
const passing: ReadonlySet<RpcErrorCode> = new Set(['unavailable', 'draining', 'not_held', 'busy']);
/** How long slots wait for a busy shard whose answer has no `retryAfterMs`. */
const BUSY_MS = 100;
/** Shortest wait for a busy shard, so that a `retryAfterMs` of 0 makes no endless loop. */
const LEAST_BUSY_MS = 5;
/** Shortest wait for a shard that is away. */
const LOOK_MS = 10;
const nextBest = rungLevel('next_best');
const passThrough = rungLevel('pass_through');

export class NoHolder extends RpcError {
  constructor({ layer, expert }: { layer: number; expert: number }, cause: RpcError | undefined) {
    super('unavailable', `no connected shard holds expert ${expert} of layer ${layer}`, { cause });
  }
}

/**
 * `slots`: all slots of each row in which some expert cannot be called. Slots in `served` can be sent to a replica of their own
 * expert or of the expert that has taken its place. Slots in neither list do without an expert.
 */
export function standIn(
  ledger: Ledger,
  slots: readonly number[],
  owners: Pick<Owners, 'forRow'>,
  attempt: Attempt,
): { served: number[]; waiting: number[] } {
  const { assignment, ranked } = ledger.step;
  const { experts, weights } = assignment;
  const served: number[] = [];
  const waiting: number[] = [];
  for (const slot of slots) {
    const row = rowOf(assignment, slot);
    const level = allowedLevel(ledger, row, attempt);
    const isServed = (expert: number) => owners.forRow(expert, row) !== undefined;
    if (level < nextBest) waiting.push(slot);
    else if (isServed(experts[slot]!)) served.push(slot);
    else {
      const taken = expertsOf(assignment, row);
      const others = ranked?.(row, experts[slot]!);
      const best = others?.find(({ expert }) => !taken.includes(expert) && isServed(expert));
      if (best !== undefined) {
        experts[slot] = best.expert;
        weights[slot] = best.weight;
        markDegraded(ledger, slot, nextBest);
        served.push(slot);
      } else if (level >= passThrough) markDegraded(ledger, slot, passThrough);
      else waiting.push(slot);
    }
  }
  return { served, waiting };
}

/** How long slots without a replica wait for a busy shard, or for a shard that is away. Undefined: the slots fail. */
export function patienceFor(ledger: Ledger, attempt: Attempt): Pick<Wait, 'ms' | 'until'> | undefined {
  const { now, deadlineAt, isAborted } = ledger;
  const failures = [...attempt.failures.values()];
  if (isAborted || failures.some(({ code }) => !passing.has(code))) return undefined;
  const hints = failures.flatMap(({ code, retryAfterMs = BUSY_MS }) => (code === 'busy' ? retryAfterMs : []));
  if (hints.length > 0) {
    const ms = Math.max(LEAST_BUSY_MS, Math.min(...hints));
    return now + ms < deadlineAt ? { ms, until: undefined } : undefined;
  }
  const until = patienceEnd(ledger, attempt);
  return now < until ? { ms: Math.min(LOOK_MS, until - now), until } : undefined;
}

/** When slots stop waiting for shards that are away. While another call for the slots is under way, this is the deadline. */
function patienceEnd(ledger: Ledger, { beside }: Attempt): number {
  const { now, deadlineAt, step } = ledger;
  if (beside.length > 0) return deadlineAt;
  ledger.patienceAt ??= Math.min(now + step.fleet.policy.patienceMs, deadlineAt);
  return ledger.patienceAt;
}

/** True if, for at least one row, shards could answer all its waiting slots now. */
export function isBack(ledger: Ledger, { slots, attempt }: Wait): boolean {
  const { fleet, layer, assignment } = ledger.step;
  const isFree = (shard: Shard, row: number) =>
    !attempt.beside.some((call) => call.shard === shard) && (shard.isNear || mayBorrow(ledger, row, attempt));
  const rows = [...Map.groupBy(slots, (slot) => rowOf(assignment, slot))];
  return rows.some(([row, ofRow]) => {
    const level = allowedLevel(ledger, row, attempt);
    return ofRow.every((slot) =>
      hasReplica(fleet.replicas(layer, assignment.experts[slot]!), level, (shard) => isFree(shard, row)),
    );
  });
}

/** Fails the slots with the first error that is not in `passing`, else with `busy`, else with `NoHolder`. */
export function failUnserved(ledger: Ledger, slots: readonly number[], attempt: Attempt): void {
  const { layer, assignment } = ledger.step;
  const errors = [...attempt.failures.values()];
  const reason = errors.find(({ code }) => !passing.has(code)) ?? errors.find(({ code }) => code === 'busy');
  fail(ledger, slots, attempt, (slot) => {
    return reason ?? new NoHolder({ layer, expert: assignment.experts[slot]! }, errors.at(-1));
  });
}
