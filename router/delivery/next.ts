// The rules by which every row of a layer gets an answer: `next` takes the ledger and an event, changes the ledger, and returns
// the actions that driver.ts carries out. Details are in retry.ts, hedge.ts, stand-in.ts and audit.ts.
//
// Worked example: shard a is called for two slots (row, rank) and is late, and shard b answers first:
//   begun          → send the slots to a
//   overdue        → send the slots to b too
//   b has answered → cancel the call to a               // the ledger is done
import { RpcError } from '../../rpc/errors.ts';
import type { Frame } from '../group.ts';
import { type Owners, planFrames } from '../owners.ts';
import { rowOf } from '../routing/assignment.ts';
import type { Shard } from '../shards/shard.ts';
import { close, discredit, doubtedOf, review } from './audit.ts';
import { secondCall, watchFor } from './hedge.ts';
import { rungLevel } from './ladder.ts';
import {
  type Action,
  type Attempt,
  type Audit,
  afresh,
  type Call,
  type Event,
  fail,
  type Ledger,
  markDegraded,
  remove,
  unanswered,
  type Wait,
} from './ledger.ts';
import { afterFailure, isBlamed } from './retry.ts';
import { failUnserved, patienceFor, standIn } from './stand-in.ts';

const NEVER = Number.POSITIVE_INFINITY;
const nextBest = rungLevel('next_best');

export function next(ledger: Ledger, event: Event): Action[] {
  ledger.actions = [];
  (rules[event.type] as (ledger: Ledger, event: Event) => void)(ledger, event);
  for (let i = ledger.audits.length - 1; i >= 0; i--) review(ledger, ledger.audits[i]!);
  return runsLast(ledger.actions);
}

/** A call of a shard in this thread may block the thread while it computes, so the frames to other shards are sent before it. */
function runsLast(actions: Action[]): Action[] {
  const isRun = (action: Action) => action.type === 'send' && action.call.shard.isHere;
  if (actions.length < 2 || !actions.some(isRun)) return actions;
  return [...actions.filter((action) => !isRun(action)), ...actions.filter(isRun)];
}

/** True if no slot waits for an answer and no audit is under way. */
export function isDone({ open, audits }: Ledger): boolean {
  return open.length === 0 && audits.length === 0;
}

type EventOf<T extends Event['type']> = Extract<Event, { type: T }>;

const rules: { [T in Event['type']]: (ledger: Ledger, event: EventOf<T>) => void } = {
  begun: (ledger, { slots, attempt }) => ask(ledger, slots, attempt),
  answered,
  failed,
  overdue,
  waited,
  opinion: (_, { audit, pieces }) => {
    audit.opinion = pieces;
  },
  judged,
  unjudged: (ledger, { audit }) => close(ledger, audit),
};

/** Calls shards for the slots; undefined: for all slots that take part. */
function ask(ledger: Ledger, slots: readonly number[] | undefined, attempt: Attempt): void {
  const { frames, owners, unserved } = planFrames(ledger, attempt, slots);
  if (ledger.step.ladder !== undefined) noteLevels(ledger, frames, owners, attempt);
  for (const frame of frames) send(ledger, frame, owners.at(frame.owner), attempt);
  if (unserved.length === 0) return;
  const { served, waiting } = standIn(ledger, unserved, owners, attempt);
  if (served.length > 0) ask(ledger, served, attempt);
  if (waiting.length > 0) wait(ledger, waiting, attempt);
}

function send(ledger: Ledger, frame: Frame, shard: Shard, attempt: Attempt): void {
  const doubted = doubtedOf(ledger, frame, shard, attempt);
  const { wake, wakeAt, lostAt } = watchFor(ledger, frame, shard, attempt);
  const { slots } = frame;
  const sentAt = ledger.now;
  const call: Call = {
    type: 'call',
    frame,
    slots,
    shard,
    attempt,
    sentAt,
    wake,
    wakeAt,
    lostAt,
    isHedged: false,
  };
  ledger.open.push(call);
  ledger.actions.push({ type: 'send', call });
  if (doubted.length === 0) return;
  const { audits, calls } = ledger.step.fleet;
  audits.take();
  calls.audited++;
  const audit: Audit = { call, doubted, state: 'answer', opinion: undefined, lostMs: 0, wakeAt: NEVER };
  ledger.audits.push(audit);
  ledger.actions.push({ type: 'ask_opinion', audit });
}

function answered(ledger: Ledger, { call, rows }: EventOf<'answered'>): void {
  if (!remove(ledger, call)) return;
  ledger.pieces.push({ shard: call.shard, slots: call.slots, rows });
  cancelBeside(ledger, call);
  const { beside } = call.attempt;
  for (let i = beside.length - 1; i >= 0; i--) {
    const earlier = beside[i]!;
    if (!ledger.open.includes(earlier) || unanswered(ledger, earlier).length > 0) continue;
    if (earlier.isHedged) ledger.step.fleet.calls.hedgeWins++;
    remove(ledger, earlier);
    ledger.actions.push({ type: 'cancel', entry: earlier, isBeaten: true });
    cancelBeside(ledger, earlier);
  }
}

function failed(ledger: Ledger, { call, error }: Omit<EventOf<'failed'>, 'type'>): void {
  const { shard, attempt } = call;
  if (isBlamed(error, attempt)) ledger.actions.push({ type: 'blame', call, error });
  if (!remove(ledger, call)) return;
  // Other calls and waits for these slots could use only exact replicas until now. New calls, which may use more, replace them.
  cancelBeside(ledger, call);
  const slots = unanswered(ledger, call);
  const isOver = ledger.isAborted || ledger.now >= ledger.deadlineAt;
  const then = afterFailure({ error, attempt, slots: slots.length, isOver });
  if (then === 'retry') retry(ledger, slots, attempt, shard, error);
  else if (then === 'give_up') fail(ledger, slots, attempt, () => error);
  else for (const slot of slots) ask(ledger, [slot], afresh(attempt, { alone: true }));
}

/** Calls other replicas for slots that `shard` has failed. */
function retry(
  ledger: Ledger,
  slots: readonly number[],
  attempt: Attempt,
  shard: Shard,
  error: RpcError,
): void {
  ledger.step.fleet.calls.retried++;
  ask(ledger, slots, { ...attempt, failures: new Map([...attempt.failures, [shard, error]]) });
}

function overdue(ledger: Ledger, { call }: EventOf<'overdue'>): void {
  const { hedges, calls } = ledger.step.fleet;
  if (!ledger.open.includes(call)) return;
  if (call.wake === 'silent') {
    stepDown(ledger, call);
    return;
  }
  const second = secondCall(call.wake, () => hedges.spend());
  call.wake = 'lost';
  call.wakeAt = second === 'not_yet' ? call.lostAt : NEVER;
  if (second === 'not_yet') return;
  call.isHedged = second === 'hedge';
  calls[call.isHedged ? 'hedged' : 'retried']++;
  ask(ledger, call.slots, { ...call.attempt, beside: [...call.attempt.beside, call] });
}

/** Counts an unanswered call as failed, so that its rows step down the ladder. */
function stepDown(ledger: Ledger, call: Call): void {
  const { shard, sentAt, wakeAt } = call;
  const ms = Math.round(wakeAt - sentAt);
  ledger.actions.push({ type: 'avoid', shard });
  const error = new RpcError('unavailable', `shard ${shard.address}: no answer in ${ms} ms`);
  failed(ledger, { call, error });
  ledger.actions.push({ type: 'cancel', entry: call, isBeaten: true });
}

function wait(ledger: Ledger, slots: readonly number[], attempt: Attempt): void {
  const patience = patienceFor(ledger, attempt);
  if (patience === undefined) {
    failUnserved(ledger, slots, attempt);
    return;
  }
  const wait: Wait = { type: 'wait', slots, attempt, ...patience };
  ledger.open.push(wait);
  ledger.actions.push({ type: 'wait', wait });
}

function waited(ledger: Ledger, { wait }: EventOf<'waited'>): void {
  const { slots, attempt } = wait;
  if (!remove(ledger, wait)) return;
  if (ledger.isAborted || ledger.now >= ledger.deadlineAt) failUnserved(ledger, slots, attempt);
  else ask(ledger, slots, afresh(attempt));
}

function judged(ledger: Ledger, { audit, wrongShard }: EventOf<'judged'>): void {
  if (!ledger.audits.includes(audit)) return;
  close(ledger, audit);
  const slots = wrongShard === undefined ? [] : discredit(ledger, audit, wrongShard);
  if (wrongShard === undefined || slots.length === 0) return;
  const error = new RpcError('unavailable', `shard ${wrongShard.address} has answered wrongly`);
  retry(ledger, slots, audit.call.attempt, wrongShard, error);
}

/** Cancels the calls and waits that were begun beside a call that has now ended. */
function cancelBeside({ open, actions }: Ledger, call: Call): void {
  for (let i = open.length - 1; i >= 0; i--) {
    const entry = open[i]!;
    if (!entry.attempt.beside.includes(call)) continue;
    open.splice(i, 1);
    actions.push({ type: 'cancel', entry, isBeaten: false });
  }
}

/** Marks each slot that is sent to a replica that is not exact, and unmarks the others. */
function noteLevels(ledger: Ledger, frames: readonly Frame[], owners: Owners, attempt: Attempt): void {
  const { assignment } = ledger.step;
  if (attempt.beside.length > 0) return;
  for (const slot of frames.flatMap(({ slots }) => slots)) {
    if (ledger.degraded?.get(slot) === nextBest) continue;
    markDegraded(ledger, slot, owners.forRow(assignment.experts[slot]!, rowOf(assignment, slot))?.level ?? 0);
  }
}
