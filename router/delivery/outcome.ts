// What became of a layer's rows at the shards that were asked. Pure.
import type { RpcError } from '../../rpc/errors.ts';
import type { Shard } from '../shards/shard.ts';

/** Answers of one shard. */
export interface Piece {
  shard: Shard;
  slots: readonly number[];
  /** `[slots, hidden]` */
  rows: Float32Array;
}

export interface Outcome {
  pieces: Piece[];
  /** By slot. A slot in neither goes without an answer, as its row allows. */
  failed: Map<number, RpcError>;
}

export function joined(outcomes: readonly Outcome[]): Outcome {
  return {
    pieces: outcomes.flatMap(({ pieces }) => pieces),
    failed: new Map(outcomes.flatMap(({ failed }) => [...failed])),
  };
}

/** The first that has not failed; undefined as soon as `own` has. */
export async function firstWhole(
  own: Promise<Outcome>,
  other: Promise<Outcome>,
): Promise<Outcome | undefined> {
  const first = await Promise.race([own, other]);
  if (first.failed.size === 0) return first;
  const ended = await own;
  return ended.failed.size === 0 ? ended : undefined;
}
