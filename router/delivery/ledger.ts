// The ledger of one layer: what its slots wait for, and what has been answered. A slot is one (row, rank) of the step, numbered
// row * k + rank. Holds data and the smallest changes to it; next.ts decides, driver.ts acts.
import type { RpcError } from '../../rpc/errors.ts';
import type { Fleet } from '../fleet.ts';
import type { Frame } from '../group.ts';
import type { Assignment } from '../selection.ts';
import type { Shard } from '../shards/shard.ts';

export interface DispatchOptions {
  fleet: Fleet;
  /** Identity of the model. */
  model: string;
  layer: number;
  /** Normed rows, `[rows, hidden]`; not changed until the answers are in. */
  x: Float32Array;
  hidden: number;
  /** Changed only if a row's ladder allows another expert. */
  assignment: Assignment;
  /** `[rows]`, 1 if the row takes part; absent: all rows do. */
  mask?: Uint8Array;
  /** `[rows]`, 1 for rows of a prompt, which may wait behind decode rows; absent: no row is. */
  prefill?: Uint8Array;
  /** `[rows]`, the lowest rung that may stand in for an expert (`rungLevel`); absent: nothing may. */
  ladder?: Uint8Array;
  /** The row's experts from best to worst; asked for only if its ladder reaches `next_best`. */
  ranked?: (row: number) => { expert: number; weight: number }[];
  deadlineMs: number;
  signal?: AbortSignal;
  trace?: string;
}

/** How some slots came to be asked for, which limits what may be asked next. */
export interface Attempt {
  /** Replicas that have failed these slots, and how; they are not asked again in this attempt. */
  readonly failures: ReadonlyMap<Shard, RpcError>;
  /**
   * Calls under way for the same slots at other replicas. While there are any, an exact answer may still come: so nothing
   * worse is used, and the assignment is not changed.
   */
  readonly beside: readonly Call[];
  /** Two replicas have failed the frame that held these slots. One of its rows may be to blame, so each slot travels alone. */
  readonly alone: boolean;
}

const noFailures: ReadonlyMap<Shard, RpcError> = new Map();
export const firstAttempt: Attempt = { failures: noFailures, beside: [], alone: false };

/** The attempt without its failures: every replica may be asked again. */
export function afresh(attempt: Attempt, { alone = attempt.alone } = {}): Attempt {
  return { failures: noFailures, beside: attempt.beside, alone };
}

/** One frame at one shard. */
export interface Call {
  readonly type: 'call';
  readonly frame: Frame;
  readonly slots: readonly number[];
  readonly shard: Shard;
  readonly attempt: Attempt;
  readonly sentAt: number;
  /** What happens next if no answer comes (hedge.ts), and when; infinite: nothing does. */
  wake: 'late' | 'lost' | 'silent';
  wakeAt: number;
  /** When the call counts as lost. */
  lostAt: number;
  /** The budget has paid for a second call. */
  isHedged: boolean;
}

/** Slots for which no replica can be asked at the moment. */
export interface Wait {
  readonly type: 'wait';
  readonly slots: readonly number[];
  readonly attempt: Attempt;
  /** Milliseconds until the next look. */
  readonly ms: number;
  /** If every replica is away: when waiting for one to come back ends. Undefined if one is there but busy. */
  readonly until: number | undefined;
}

/** A second opinion on some slots of a call. */
export interface Audit {
  readonly call: Call;
  /** The slots for which another replica is asked too. */
  readonly doubted: readonly number[];
  /** The audit waits for the call's own `answer`, for the `opinion`, or for a `judgement` because the two differ. */
  state: 'answer' | 'opinion' | 'judgement';
  /** What the other replicas have answered; undefined until they have. */
  opinion: readonly Piece[] | undefined;
  /** Milliseconds that each question to a shard may take, once the call's own answer is there. */
  lostMs: number;
  /** When the call's own answer is used as it is; infinite: never. */
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

/** What has happened. */
export type Event =
  /** The slots are wanted; undefined: all that take part. */
  | { type: 'begun'; slots: readonly number[] | undefined; attempt: Attempt }
  | { type: 'answered'; call: Call; rows: Float32Array }
  | { type: 'failed'; call: Call; error: RpcError }
  /** No answer yet, at `call.wakeAt`. */
  | { type: 'overdue'; call: Call }
  /** The busy shard is free, a replica is back, or waiting for it is over. */
  | { type: 'waited'; wait: Wait }
  /** What the other replicas have answered. */
  | { type: 'opinion'; audit: Audit; pieces: readonly Piece[] }
  | { type: 'judged'; audit: Audit; liar: Shard | undefined }
  /** Neither opinion nor judgement yet, at `audit.wakeAt`. */
  | { type: 'unjudged'; audit: Audit };

/** What is to be done. */
export type Action =
  | { type: 'send'; call: Call }
  | { type: 'wait'; wait: Wait }
  /** `isBeaten`: another shard has answered sooner, so the call may run on to show whether its shard answers at all. */
  | { type: 'cancel'; entry: Call | Wait; isBeaten: boolean }
  | { type: 'blame'; call: Call; error: RpcError }
  /** For a while, the shard is not asked if something else may be. */
  | { type: 'avoid'; shard: Shard }
  | { type: 'ask_opinion'; audit: Audit }
  | { type: 'judge'; audit: Audit; difference: Difference }
  /** Ends the opinion. A judgement goes on, because the wrong shard must be found in any case. */
  | { type: 'close'; audit: Audit };

export interface Ledger {
  readonly step: DispatchOptions;
  /** This and every other moment here is on the clock of `performance.now()`. */
  readonly deadlineAt: number;
  /** What is under way. The layer is done when this and `audits` are empty. */
  open: (Call | Wait)[];
  /** Newest last. */
  audits: Audit[];
  pieces: Piece[];
  /** By slot; undefined while none has failed. A slot neither here nor in a piece goes without an answer, as its row allows. */
  failed: Map<number, RpcError> | undefined;
  /** By slot, the level of the ladder that stood in; undefined while none did. */
  degraded: Map<number, number> | undefined;
  /** When waiting for replicas that are away ends; set when it begins. */
  patienceAt: number | undefined;
  /** The time of the latest event, and whether the caller had given up by then. */
  now: number;
  isAborted: boolean;
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
  };
}

/** The level of the ladder that the row allows. */
export function allowedLevel({ step }: Pick<Ledger, 'step'>, row: number, { beside }: Attempt): number {
  return beside.length > 0 ? 0 : (step.ladder?.[row] ?? 0);
}

/** The shard has not failed these slots, and is not being asked for them. */
export function mayAsk(shard: Shard, { failures, beside }: Attempt): boolean {
  return !failures.has(shard) && !beside.some((call) => call.shard === shard);
}

/** False if the entry is not under way any more. */
export function remove({ open }: Ledger, entry: Call | Wait): boolean {
  const at = open.indexOf(entry);
  if (at >= 0) open.splice(at, 1);
  return at >= 0;
}

/** The slots of a call that no other call has answered. */
export function unanswered({ pieces }: Ledger, { slots }: Call): readonly number[] {
  const answered = new Set(pieces.flatMap((piece) => piece.slots));
  return answered.size === 0 ? slots : slots.filter((slot) => !answered.has(slot));
}

/** The slots fail, unless a call for them is still under way. */
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

/** A level of 0 takes the slot's mark away. */
export function markDegraded(ledger: Ledger, slot: number, level: number): void {
  if (level === 0) ledger.degraded?.delete(slot);
  else {
    ledger.degraded ??= new Map();
    ledger.degraded.set(slot, level);
  }
}
