// The ledger of one layer of a step: the calls that its slots wait for, and the answers so far. Slots are
// numbered as in routing/assignment.ts. This file has the data and small changes to the data; next.ts decides, and driver.ts acts.
import type { RpcError } from '../../rpc/errors.ts';
import type { Fleet } from '../fleet.ts';
import type { Frame } from '../group.ts';
import type { Assignment } from '../routing/assignment.ts';
import type { Shard } from '../shards/shard.ts';

export interface DispatchOptions {
  fleet: Fleet;
  /** Identity of the model. */
  model: string;
  layer: number;
  /** Normed rows, `[rows, hidden]`. The caller must not change them before all answers are in. */
  x: Float32Array;
  hidden: number;
  /** `dispatch` changes it if it gives a row another expert, which the row's ladder must allow. */
  assignment: Assignment;
  /** `[rows]`, 1 if the row takes part. Absent: all rows take part. */
  mask?: Uint8Array;
  /** `[rows]`, 1 for prefill rows, which may wait behind decode rows. Absent: there are no prefill rows. */
  prefill?: Uint8Array;
  /** `[rows]`, highest level (`rungLevel`) of what may stand in for an expert of the row. Absent: 0 for every row. */
  ladder?: Uint8Array;
  /** The experts that may take the place of one of the row's, best first. Called only if the row's ladder reaches `next_best`. */
  ranked?: (row: number, expert: number) => { expert: number; weight: number }[];
  /** `[rows]`, 1 for rows that must not call shards of other zones. Absent: every row may. */
  near?: Uint8Array | undefined;
  deadlineMs: number;
  signal?: AbortSignal;
  trace?: string;
  /** True if this thread may sleep for a few milliseconds until the answers are in. Default: false. */
  mayBlock?: boolean;
}

/** Earlier calls for some slots. They limit which shards may be called for these slots next. */
export interface Attempt {
  /** Errors of the replicas that have failed these slots. The attempt does not call these replicas again. */
  readonly failures: ReadonlyMap<Shard, RpcError>;
  /**
   * Calls under way for the same slots at other replicas. While there are any, an exact answer may still come, so the ladder is
   * not used and the assignment is not changed.
   */
  readonly beside: readonly Call[];
  /** True after two replicas have failed a frame. One row of the frame may be to blame, so each slot gets its own frame. */
  readonly alone: boolean;
}

const noFailures: ReadonlyMap<Shard, RpcError> = new Map();
export const firstAttempt: Attempt = { failures: noFailures, beside: [], alone: false };

/** The attempt without its failures, so that every replica may be called again. */
export function afresh(attempt: Attempt, { alone = attempt.alone } = {}): Attempt {
  return { failures: noFailures, beside: attempt.beside, alone };
}

/** One frame that was sent to one shard. */
export interface Call {
  readonly type: 'call';
  readonly frame: Frame;
  readonly slots: readonly number[];
  readonly shard: Shard;
  readonly attempt: Attempt;
  readonly sentAt: number;
  /** A call that is still unanswered at `wakeAt` counts as this (hedge.ts). */
  wake: 'late' | 'lost' | 'silent';
  /** Infinite: nothing is done before the call's deadline. */
  wakeAt: number;
  lostAt: number;
  /** True if the budget has paid for a second call. */
  isHedged: boolean;
}

/** Slots for which no replica can be called at the moment. */
export interface Wait {
  readonly type: 'wait';
  readonly slots: readonly number[];
  readonly attempt: Attempt;
  /** Shortest time in milliseconds before the slots are sent again. */
  readonly ms: number;
  /** If every replica is away: the time at which the slots stop waiting for a replica. Undefined if a replica is busy. */
  readonly until: number | undefined;
}

/** Compares one shard's answers to some slots of a call with the answers of other replicas. */
export interface Audit {
  readonly call: Call;
  /** The slots for which other replicas are called too. */
  readonly doubted: readonly number[];
  /** The audit waits for the call's own `answer`, for the other replicas' `opinion`, or for a `judgement` if the two differ. */
  state: 'answer' | 'opinion' | 'judgement';
  /** The answers of the other replicas; undefined while they are missing. */
  opinion: readonly Piece[] | undefined;
  /** Deadline of each call that helps to find the wrong shard. Set when the audited call is answered. */
  lostMs: number;
  /** When the call's own answer is used without an opinion or a judgement; infinite: never. */
  wakeAt: number;
}

/** The answers of one shard. */
export interface Piece {
  readonly shard: Shard;
  readonly slots: readonly number[];
  /** `[slots, hidden]` */
  readonly rows: Float32Array;
}

export interface Difference {
  slot: number;
  /** The two answers, `[hidden]`. */
  answers: readonly [Answered, Answered];
}

export interface Answered {
  shard: Shard;
  row: Float32Array;
}

export type Event =
  /** Starts the work on `slots`; undefined: on all slots that take part. */
  | { type: 'begun'; slots: readonly number[] | undefined; attempt: Attempt }
  | { type: 'answered'; call: Call; rows: Float32Array }
  | { type: 'failed'; call: Call; error: RpcError }
  /** The call is still unanswered at `call.wakeAt`. */
  | { type: 'overdue'; call: Call }
  /** A busy shard is free, a replica is back, or the time of the wait is over. */
  | { type: 'waited'; wait: Wait }
  /** `pieces`: the answers of the other replicas. */
  | { type: 'opinion'; audit: Audit; pieces: readonly Piece[] }
  /** `wrongShard` is undefined if no shard is shown to be wrong. */
  | { type: 'judged'; audit: Audit; wrongShard: Shard | undefined }
  /** The opinion or the judgement is still missing at `audit.wakeAt`. */
  | { type: 'unjudged'; audit: Audit };

export type Action =
  | { type: 'send'; call: Call }
  | { type: 'wait'; wait: Wait }
  /** `isBeaten`: another shard has answered first. The call may run on, to show whether its shard answers at all. */
  | { type: 'cancel'; entry: Call | Wait; isBeaten: boolean }
  /** The shard may be to blame for the error. */
  | { type: 'blame'; call: Call; error: RpcError }
  /** For one second, rows that may step down the ladder go to the shard only if no other shard can serve them. */
  | { type: 'avoid'; shard: Shard }
  | { type: 'ask_opinion'; audit: Audit }
  | { type: 'judge'; audit: Audit; difference: Difference }
  /** Cancels the calls for an opinion. A judgement goes on, because the wrong shard must be found in any case. */
  | { type: 'close'; audit: Audit };

export interface Ledger {
  readonly step: DispatchOptions;
  /** Like every other time in the ledger, on the clock of `performance.now()`. */
  readonly deadlineAt: number;
  /** Calls and waits under way. The layer is done when `open` and `audits` are empty. */
  open: (Call | Wait)[];
  /** Newest last. */
  audits: Audit[];
  /** Answers so far. If a slot has neither a piece nor an entry in `failed` at the end, its row goes on without that expert. */
  pieces: Piece[];
  /** By slot; undefined while no slot has failed. */
  failed: Map<number, RpcError> | undefined;
  /** By slot, the level of the ladder that stood in; undefined while no slot is degraded. */
  degraded: Map<number, number> | undefined;
  /** When slots stop waiting for replicas that are away; undefined until a slot waits. */
  patienceAt: number | undefined;
  /** Time of the latest event. */
  now: number;
  /** True if the caller had given up when the latest event came. */
  isAborted: boolean;
  /** Actions that the latest event has led to so far. */
  actions: Action[];
}

export function openLedger(step: DispatchOptions, now: number, deadlineAt = now + step.deadlineMs): Ledger {
  return {
    step,
    deadlineAt,
    open: [],
    audits: [],
    pieces: [],
    failed: undefined,
    degraded: undefined,
    patienceAt: undefined,
    now,
    isAborted: false,
    actions: [],
  };
}

/** Highest level that may serve the row. While another call for its slots is under way, only exact replicas (level 0) may. */
export function allowedLevel({ step }: Pick<Ledger, 'step'>, row: number, { beside }: Attempt): number {
  return beside.length > 0 ? 0 : (step.ladder?.[row] ?? 0);
}

/** False if the shard has failed the attempt's slots, or is being called for them now. */
export function mayAsk(shard: Shard, { failures, beside }: Attempt): boolean {
  if (failures.size === 0 && beside.length === 0) return true;
  return !failures.has(shard) && !beside.some((call) => call.shard === shard);
}

/** Whether shards of other zones may be called for the row. If a near shard is busy, the slots wait for it instead. */
export function mayBorrow({ step }: Pick<Ledger, 'step'>, row: number, { failures }: Attempt): boolean {
  if (step.near?.[row] === 1) return false;
  for (const [{ isNear }, { code }] of failures) if (isNear && code === 'busy') return false;
  return true;
}

/** Returns false if the entry was not under way. */
export function remove({ open }: Ledger, entry: Call | Wait): boolean {
  const at = open.indexOf(entry);
  if (at >= 0) open.splice(at, 1);
  return at >= 0;
}

/** The slots of the call that no shard has answered. */
export function unanswered({ pieces }: Ledger, { slots }: Call): readonly number[] {
  const answered = new Set(pieces.flatMap((piece) => piece.slots));
  return answered.size === 0 ? slots : slots.filter((slot) => !answered.has(slot));
}

/** Fails the slots, unless another call for them is still under way. */
export function fail(
  ledger: Ledger,
  slots: readonly number[],
  { beside }: Attempt,
  errorOf: (slot: number) => RpcError,
): void {
  if (beside.length > 0) return;
  ledger.failed ??= new Map();
  for (const slot of slots) ledger.failed.set(slot, errorOf(slot));
}

/** Records the level of the ladder that stands in for the slot's expert. Level 0 removes the record. */
export function markDegraded(ledger: Ledger, slot: number, level: number): void {
  if (level === 0) ledger.degraded?.delete(slot);
  else {
    ledger.degraded ??= new Map();
    ledger.degraded.set(slot, level);
  }
}
