// Decides after a failed call whether the shard is to blame and whether the slots are sent again. Pure.
import type { RpcError } from '../../rpc/errors.ts';
import type { Attempt } from './ledger.ts';

/** `retry`: another replica is called. `each_alone`: each slot is sent in a frame of its own, to any replica. */
export type AfterFailure = 'retry' | 'each_alone' | 'give_up';

export interface Failure {
  error: RpcError;
  attempt: Attempt;
  /** Number of the call's slots, its (row, expert) pairs, that no shard has answered. */
  slots: number;
  /** True if the deadline has passed or the caller has given up. */
  isOver: boolean;
}

/** An `internal` error may be caused by the shard or by a row of the frame. Other errors are never caused by a row. */
export function afterFailure({ error, attempt, slots, isOver }: Failure): AfterFailure {
  const isInternal = error.code === 'internal';
  if (isInternal && attempt.alone) return 'give_up';
  if (isInternal && hasFailedInternally(attempt) && slots > 1) return 'each_alone';
  return isOver || error.code === 'cancelled' ? 'give_up' : 'retry';
}

/** The first shard that fails a frame with `internal` is blamed. If a second shard fails it too, a row may be to blame. */
export function isBlamed(error: RpcError, attempt: Attempt): boolean {
  return error.code === 'internal' && !hasFailedInternally(attempt) && !attempt.alone;
}

function hasFailedInternally({ failures }: Attempt): boolean {
  for (const { code } of failures.values()) if (code === 'internal') return true;
  return false;
}
