// Sends a step's rows to the shards that hold their experts and gathers the answers.
import type { RpcError } from '../rpc/errors.ts';
import { Driver } from './delivery/driver.ts';
import { type Rung, rungAt } from './delivery/ladder.ts';
import { type DispatchOptions, type Ledger, openLedger } from './delivery/ledger.ts';
import { type Assignment, rowOf } from './routing/assignment.ts';

export interface Dispatched {
  /** `[slots, hidden]`, not weighted. Zeros for each slot without an answer. */
  answers: Float32Array;
  /** Error by row, for rows without a complete answer. */
  failed: ReadonlyMap<number, RpcError>;
  /** One entry for each slot that was served by a rung of the ladder (ladder.ts). Failed rows have none. */
  degraded: { row: number; rung: Rung }[];
  /** The row of each slot that a shard of another zone has answered. */
  remote: readonly number[];
}

const never = new AbortController().signal;
const noFailures: ReadonlyMap<number, RpcError> = new Map();
const none: readonly number[] = [];

/** Sends all frames before it awaits an answer. Never rejects because of a shard: only the rows concerned fail. */
export async function dispatch(options: DispatchOptions): Promise<Dispatched> {
  const { assignment, hidden, signal = never } = options;
  const ledger = openLedger(options, performance.now());
  await new Driver(ledger, signal).run();

  const failed = ledger.failed === undefined ? noFailures : failedRows(options, ledger.failed);
  const degraded = [...(ledger.degraded ?? [])]
    .map(([slot, level]) => ({ row: rowOf(assignment, slot), rung: rungAt(level) }))
    .filter(({ row }) => !failed.has(row));
  const remote = remoteRows(ledger, assignment);
  const slots = assignment.experts.length;
  // A piece is the answers of one shard, in ascending order of their slots. A piece with all slots is therefore the result.
  const [whole] = ledger.pieces;
  if (whole !== undefined && whole.slots.length === slots)
    return { answers: whole.rows, failed, degraded, remote };
  const answers = new Float32Array(slots * hidden);
  for (const { slots: ofPiece, rows } of ledger.pieces) {
    for (const [index, slot] of ofPiece.entries()) {
      answers.set(rows.subarray(index * hidden, (index + 1) * hidden), slot * hidden);
    }
  }
  return { answers, failed, degraded, remote };
}

function remoteRows({ pieces }: Pick<Ledger, 'pieces'>, assignment: Assignment): readonly number[] {
  if (pieces.every(({ shard }) => shard.isNear)) return none;
  const far = pieces.filter(({ shard }) => !shard.isNear);
  return far.flatMap(({ slots }) => slots.map((slot) => rowOf(assignment, slot)));
}

/** Turns failures by slot into failures by row, and reports the first of them to the fleet. */
function failedRows(
  { fleet, layer, assignment }: DispatchOptions,
  bySlot: ReadonlyMap<number, RpcError>,
): Map<number, RpcError> {
  const failed = new Map<number, RpcError>();
  for (const [slot, error] of bySlot) failed.set(rowOf(assignment, slot), error);
  const [first] = failed.values();
  if (first !== undefined && first.code !== 'cancelled') {
    fleet.noteFailure({ layer, rows: failed.size, error: first });
  }
  return failed;
}
