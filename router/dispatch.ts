// Sends a step's rows to the shards that hold their experts and gathers the answers. Knows rows of floats; no tokens,
// no sockets, no second attempts (delivery.ts).
import type { RpcError } from '../rpc/errors.ts';
import { Delivery } from './delivery/delivery.ts';
import { type Rung, rungAt } from './delivery/ladder.ts';
import type { Fleet } from './fleet.ts';
import type { Assignment } from './selection.ts';

export interface DispatchOptions {
  fleet: Fleet;
  /** Identity of the model. */
  model: string;
  layer: number;
  /** Normed rows, `[rows, hidden]`; left alone until the answer is in. */
  x: Float32Array;
  hidden: number;
  /** Changed only where a row's ladder allows another expert or none. */
  assignment: Assignment;
  /** 1 = the row takes part; absent: all do. */
  mask?: Uint8Array;
  /** 1 = a row of a prompt, which may wait behind generated ones; absent: none is. */
  bulk?: Uint8Array;
  /** Of each row, the lowest rung that may stand in for an expert (ladder.ts `rungLevel`); absent: none may. */
  ladder?: Uint8Array;
  /** The row's experts from best to worst; asked for where its ladder reaches the next best expert. */
  ranked?: (row: number) => { expert: number; weight: number }[];
  deadlineMs: number;
  signal?: AbortSignal;
  trace?: string;
}

export interface Dispatched {
  /** `[rows, k, hidden]`, not weighted; zeros where a row failed or took no part. */
  answers: Float32Array;
  /** Rows that have no answer, or only a part of it, and why. */
  failed: Map<number, RpcError>;
  /** What stood in for an expert of a row that has not failed: one entry a slot. */
  degraded: { row: number; rung: Rung }[];
}

/** Never rejects for a shard's sake: rows fail one by one. All frames are sent before any is awaited. */
export async function dispatch(options: DispatchOptions): Promise<Dispatched> {
  const { assignment, hidden, signal = never } = options;
  const { k } = assignment;
  const slots = assignment.experts.length;
  const delivery = new Delivery(options);
  const { pieces, failed: failedSlots } = await delivery.deliver(signal);

  const failed = new Map<number, RpcError>();
  for (const [slot, error] of failedSlots) failed.set(Math.floor(slot / k), error);
  const [first] = failed.values();
  if (first !== undefined && first.code !== 'cancelled') {
    options.fleet.noteFailure({ layer: options.layer, rows: failed.size, error: first });
  }
  const degraded = [...delivery.degraded]
    .map(([slot, level]) => ({ row: Math.floor(slot / k), rung: rungAt(level) }))
    .filter(({ row }) => !failed.has(row));
  // Slots ascend, so a piece with all of them has them in order: it is the whole answer.
  const [whole] = pieces;
  if (whole !== undefined && whole.slots.length === slots) return { answers: whole.rows, failed, degraded };
  const answers = new Float32Array(slots * hidden);
  for (const { slots: ofPiece, rows } of pieces) {
    for (const [index, slot] of ofPiece.entries()) {
      answers.set(rows.subarray(index * hidden, (index + 1) * hidden), slot * hidden);
    }
  }
  return { answers, failed, degraded };
}

const never = new AbortController().signal;
