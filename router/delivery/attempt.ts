// One way of getting slots of a layer answered, and what it may not do. Pure.
import type { RpcError } from '../../rpc/errors.ts';
import type { Shard } from '../shards/shard.ts';

export interface Attempt {
  /** Shards that have failed it, and how. */
  avoided: ReadonlyMap<Shard, RpcError>;
  /**
   * Shards that are still at the same slots. Where there are any, an answer may yet come: nothing worse is taken meanwhile,
   * and the assignment is left alone.
   */
  beside: ReadonlySet<Shard>;
  /** Two shards have failed the frame that these slots were in: one of its rows may be to blame, and each is asked for alone. */
  alone?: boolean;
  signal: AbortSignal;
}

/** The level of the ladder that a row allows, of `ladder` as dispatch has it. */
export function allowedLevel(row: number, { beside }: Attempt, ladder: Uint8Array | undefined): number {
  return beside.size > 0 ? 0 : (ladder?.[row] ?? 0);
}

/** Not asked yet, nor failed. */
export function mayAsk(shard: Shard, { avoided, beside }: Attempt): boolean {
  return !avoided.has(shard) && !beside.has(shard);
}

/** Some shard has failed the very same by its own fault, or that of a row. */
export function hasFailed({ avoided }: Attempt): boolean {
  return [...avoided.values()].some(({ code }) => code === 'internal');
}
