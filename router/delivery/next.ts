// Gets the rows of one layer answered, whatever becomes of the shards: given the ledger and what has happened, changes the ledger
// and says what is to be done. The rules are in retry.ts, hedge.ts, stand-in.ts and audit.ts; driver.ts does what they say.
//
// Worked example: shard a is asked for two slots and is late, b answers first:
//   begun → send the slots to a
//   overdue → send them to b too
//   answered by b → cancel the call to a                // the ledger is done
import { RpcError } from '../../rpc/errors.ts';
import type { Frame } from '../group.ts';
import { type Owners, planFrames } from '../owners.ts';
import type { Shard } from '../shards/shard.ts';
import { close, discredit, doubtedOf, review } from './audit.ts';
import { beatenBy, secondCall, watchFor } from './hedge.ts';
import { rungLevel } from './ladder.ts';
import {
  type Action,
  type Attempt,
  type Audit,
  afresh,
  allowedLevel,
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
  const actions: Action[] = [];
  react(ledger, event, actions);
  for (let i = ledger.audits.length - 1; i >= 0; i--) review(ledger, ledger.audits[i]!, actions);
  return actions;
}

/** Every slot that takes part has its answer, has failed, or goes without. */
export function isDone({ open, audits }: Ledger): boolean {
  return open.length === 0 && audits.length === 0;
}

function react(ledger: Ledger, event: Event, actions: Action[]): void {
  switch (event.type) {
    case 'begun':
      ask(ledger, event.slots, event.attempt, actions);
      break;
    case 'answered':
      answered(ledger, event.call, event.rows, actions);
      break;
    case 'failed':
      failed(ledger, event.call, event.error, actions);
      break;
    case 'overdue':
      overdue(ledger, event.call, actions);
      break;
    case 'waited':
      waited(ledger, event.wait, actions);
      break;
    case 'opinion':
      event.audit.opinion = event.pieces;
      break;
    case 'judged':
      judged(ledger, event.audit, event.liar, actions);
      break;
    case 'unjudged':
      close(ledger, event.audit, actions);
      break;
  }
}

/** Asks for the slots, or for all that take part. */
function ask(
  ledger: Ledger,
  slots: readonly number[] | undefined,
  attempt: Attempt,
  actions: Action[],
): void {
  const { frames, owners, unserved } = planFrames(ledger, attempt, slots);
  if (ledger.step.ladder !== undefined) noteLevels(ledger, frames, owners, attempt);
  for (const frame of frames) send(ledger, frame, owners.at(frame.owner), attempt, actions);
  if (unserved.length === 0) return;
  const { served, waiting } = standIn(ledger, unserved, owners, attempt);
  if (served.length > 0) ask(ledger, served, attempt, actions);
  if (waiting.length > 0) wait(ledger, waiting, attempt, actions);
}

function send(ledger: Ledger, frame: Frame, shard: Shard, attempt: Attempt, actions: Action[]): void {
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
  actions.push({ type: 'send', call });
  if (doubted.length === 0) return;
  const { audits, calls } = ledger.step.fleet;
  audits.take();
  calls.audited++;
  const audit: Audit = { call, doubted, state: 'answer', opinion: undefined, lostMs: 0, wakeAt: NEVER };
  ledger.audits.push(audit);
  actions.push({ type: 'ask_opinion', audit });
}

function answered(ledger: Ledger, call: Call, rows: Float32Array, actions: Action[]): void {
  if (!remove(ledger, call)) return;
  ledger.pieces.push({ shard: call.shard, slots: call.slots, rows });
  cancelBeside(ledger, call, actions);
  for (const beaten of beatenBy(ledger, call)) {
    if (beaten.isHedged) ledger.step.fleet.calls.hedgeWins++;
    cancel(ledger, beaten, actions);
  }
}

function failed(ledger: Ledger, call: Call, error: RpcError, actions: Action[]): void {
  const { shard, attempt } = call;
  if (isBlamed(error, attempt)) actions.push({ type: 'blame', call, error });
  if (!remove(ledger, call)) return;
  // What was asked beside this call may be waiting for an exact replica although its rows allow less from now on.
  cancelBeside(ledger, call, actions);
  const slots = unanswered(ledger, call);
  const isOver = ledger.isAborted || ledger.now >= ledger.deadlineAt;
  const then = afterFailure({ error, attempt, slots: slots.length, isOver });
  if (then === 'retry') retry(ledger, slots, { shard, error, attempt }, actions);
  else if (then === 'give_up') fail(ledger, slots, attempt, () => error);
  else {
    for (const slot of slots) ask(ledger, [slot], afresh(attempt, { alone: true }), actions);
  }
}

function retry(
  ledger: Ledger,
  slots: readonly number[],
  { shard, error, attempt }: { shard: Shard; error: RpcError; attempt: Attempt },
  actions: Action[],
): void {
  ledger.step.fleet.calls.retried++;
  ask(ledger, slots, { ...attempt, failures: new Map([...attempt.failures, [shard, error]]) }, actions);
}

function overdue(ledger: Ledger, call: Call, actions: Action[]): void {
  const { hedges, calls } = ledger.step.fleet;
  if (!ledger.open.includes(call)) return;
  if (call.wake === 'silent') {
    stepDown(ledger, call, actions);
    return;
  }
  const second = secondCall(call.wake, () => hedges.spend());
  call.wake = 'lost';
  call.wakeAt = second === 'not_yet' ? call.lostAt : NEVER;
  if (second === 'not_yet') return;
  call.isHedged = second === 'hedge';
  calls[call.isHedged ? 'hedged' : 'retried']++;
  ask(ledger, call.slots, { ...call.attempt, beside: [...call.attempt.beside, call] }, actions);
}

/** Something worse takes over from a shard that does not answer. */
function stepDown(ledger: Ledger, call: Call, actions: Action[]): void {
  const { shard, sentAt, wakeAt } = call;
  const ms = Math.round(wakeAt - sentAt);
  actions.push({ type: 'avoid', shard });
  failed(ledger, call, new RpcError('unavailable', `shard ${shard.address}: no answer in ${ms} ms`), actions);
  actions.push({ type: 'cancel', entry: call, isBeaten: true });
}

function wait(ledger: Ledger, slots: readonly number[], attempt: Attempt, actions: Action[]): void {
  const patience = patienceFor(ledger, attempt);
  if (patience === undefined) {
    failUnserved(ledger, slots, attempt);
    return;
  }
  const wait: Wait = { type: 'wait', slots, attempt, ...patience };
  ledger.open.push(wait);
  actions.push({ type: 'wait', wait });
}

function waited(ledger: Ledger, wait: Wait, actions: Action[]): void {
  const { slots, attempt } = wait;
  if (!remove(ledger, wait)) return;
  if (ledger.isAborted || ledger.now >= ledger.deadlineAt) failUnserved(ledger, slots, attempt);
  else ask(ledger, slots, afresh(attempt), actions);
}

function judged(ledger: Ledger, audit: Audit, liar: Shard | undefined, actions: Action[]): void {
  if (!ledger.audits.includes(audit)) return;
  close(ledger, audit, actions);
  const slots = liar === undefined ? [] : discredit(ledger, audit, liar);
  if (liar === undefined || slots.length === 0) return;
  const error = new RpcError('unavailable', `shard ${liar.address} has answered wrongly`);
  retry(ledger, slots, { shard: liar, error, attempt: audit.call.attempt }, actions);
}

/** Ends a call that other shards have answered sooner. */
function cancel(ledger: Ledger, call: Call, actions: Action[]): void {
  remove(ledger, call);
  actions.push({ type: 'cancel', entry: call, isBeaten: true });
  cancelBeside(ledger, call, actions);
}

/** Ends what is under way beside a call that has ended itself. */
function cancelBeside({ open }: Ledger, call: Call, actions: Action[]): void {
  for (let i = open.length - 1; i >= 0; i--) {
    const entry = open[i]!;
    if (!entry.attempt.beside.includes(call)) continue;
    open.splice(i, 1);
    actions.push({ type: 'cancel', entry, isBeaten: false });
  }
}

/** Marks the slots whose shard is no exact replica. */
function noteLevels(ledger: Ledger, frames: readonly Frame[], owners: Owners, attempt: Attempt): void {
  const { k, experts } = ledger.step.assignment;
  if (attempt.beside.length > 0) return;
  for (const slot of frames.flatMap(({ slots }) => slots)) {
    if (ledger.degraded?.get(slot) === nextBest) continue;
    const level = allowedLevel(ledger, Math.floor(slot / k), attempt);
    markDegraded(ledger, slot, owners.of(experts[slot]!, level)?.level ?? 0);
  }
}
