// Audits: which slots (row, rank) of a call also go to another replica, whether the two answers differ, and which answers stay
// once the wrong shard is known. Changes the ledger only; judge.ts finds the wrong shard.
import { type Candidate, choose } from '../choice.ts';
import type { Frame } from '../group.ts';
import type { Shard } from '../shards/shard.ts';
import { latenessOf } from './hedge.ts';
import {
  type Answered,
  type Attempt,
  type Audit,
  type Call,
  type Difference,
  type Ledger,
  mayAsk,
  type Piece,
  type Wait,
} from './ledger.ts';

const none: readonly number[] = [];

/** Draws whether a call is audited. Returns the slots for which other replicas are called too; none if it is not audited. */
export function doubtedOf(
  { step, degraded }: Ledger,
  { slots }: Frame,
  shard: Shard,
  attempt: Attempt,
): readonly number[] {
  const { fleet, layer, assignment } = step;
  if (attempt.beside.length > 0 || !fleet.replicated || !fleet.audits.draw()) return none;
  // Calls of other zones would hold up the step for a long time.
  const isOther = (other: Shard) => other !== shard && other.isNear && mayAsk(other, attempt);
  return doubtedSlots(
    slots.filter((slot) => degraded?.has(slot) !== true),
    (slot) => fleet.replicas(layer, assignment.experts[slot]!).exact.filter(isOther),
    { auditShare: fleet.policy.auditShare, random: fleet.random },
  );
}

/**
 * If every call is audited, returns all slots whose expert has another exact replica. Otherwise draws one shard with such a
 * replica, and returns the slots whose experts this shard holds, which may be only some of the slots.
 */
export function doubtedSlots<S extends Candidate>(
  slots: readonly number[],
  othersOf: (slot: number) => readonly S[],
  { auditShare, random }: { auditShare: number; random: () => number },
): number[] {
  const held = slots.filter((slot) => othersOf(slot).length > 0);
  if (auditShare >= 1 || held.length === 0) return held;
  const drawn = held.length > 1 ? Math.floor(random() * held.length) : 0;
  const other = choose(othersOf(held[drawn]!), [], random);
  return held.filter((slot) => othersOf(slot).some((each) => each === other));
}

/** Moves the audit to its next state, or closes it, if the answers that it waits for have arrived. */
export function review(ledger: Ledger, audit: Audit): void {
  const { fleet, hidden } = ledger.step;
  if (audit.state === 'judgement') return;
  if (audit.state === 'answer') {
    if (isUnderWay(ledger, audit)) return;
    audit.state = 'opinion';
    audit.lostMs = latenessOf(fleet.latencies, audit.call.frame).lostMs;
    // If every call is audited, the caller waits for the other replicas' answers. Otherwise it waits for at most `lostMs`.
    if (fleet.policy.auditShare < 1) audit.wakeAt = ledger.now + audit.lostMs;
  }
  const anyFailed = audit.call.slots.some((slot) => ledger.failed?.has(slot));
  if (audit.opinion === undefined && !anyFailed) return;
  const isExact = (slot: number) => ledger.degraded?.has(slot) !== true;
  const difference = anyFailed
    ? undefined
    : firstDifference(piecesOf(ledger, audit.call), audit.opinion ?? [], { hidden, isExact });
  if (difference === undefined) {
    close(ledger, audit);
    return;
  }
  fleet.calls.mismatches++;
  audit.state = 'judgement';
  ledger.actions.push({ type: 'judge', audit, difference });
}

/** True while some slot of the audited call is still in a call or a wait, or in an audit that began after this audit. */
function isUnderWay({ open, audits }: Ledger, audit: Audit): boolean {
  const slots = new Set(audit.call.slots);
  // Either all slots of a call or wait belong to the audited call, or none does. So the first slot is enough.
  const isOurs = (entry: Call | Wait) => slots.has(entry.slots[0]!);
  return open.some(isOurs) || audits.slice(audits.indexOf(audit) + 1).some(({ call }) => isOurs(call));
}

/** The answers to the call's slots, whichever shard gave them. */
function piecesOf({ pieces }: Ledger, call: Call): Piece[] {
  const slots = new Set(call.slots);
  return pieces.filter((piece) => slots.has(piece.slots[0]!));
}

/** Ends the audit; the answers in the ledger stay. */
export function close(ledger: Ledger, audit: Audit): void {
  ledger.audits = ledger.audits.filter((each) => each !== audit);
  ledger.actions.push({ type: 'close', audit });
}

/** Removes the answers of `wrongShard` to the audited call from the ledger. Returns the slots that only this shard answered. */
export function discredit(ledger: Ledger, { call, opinion = [] }: Audit, wrongShard: Shard): number[] {
  const pieces = piecesOf(ledger, call);
  const { believed, rest } = without(wrongShard, pieces, opinion);
  ledger.pieces = [...believed, ...ledger.pieces.filter((piece) => !pieces.includes(piece))];
  return rest;
}

/**
 * `believed`: all answers except those of `wrongShard`, because after one wrong answer its other answers are doubtful too.
 * `rest`: the slots that only `wrongShard` has answered.
 */
export function without(
  wrongShard: Shard,
  pieces: readonly Piece[],
  opinion: readonly Piece[],
): { believed: Piece[]; rest: number[] } {
  const doubted = pieces.filter(({ shard }) => shard === wrongShard).flatMap(({ slots }) => slots);
  if (doubted.length === 0) return { believed: [...pieces], rest: [] };
  const believed = [...opinion, ...pieces].filter(({ shard }) => shard !== wrongShard);
  const known = new Set(believed.flatMap(({ slots }) => slots));
  return { believed, rest: doubted.filter((slot) => !known.has(slot)) };
}

/** The first slot that two exact replicas have answered with different bits; undefined if there is none. */
export function firstDifference(
  pieces: readonly Piece[],
  opinion: readonly Piece[],
  { hidden, isExact }: { hidden: number; isExact: (slot: number) => boolean },
): Difference | undefined {
  const others = answersOf(opinion, hidden);
  for (const [slot, answered] of answersOf(pieces, hidden)) {
    const other = others.get(slot);
    if (other === undefined || other.shard === answered.shard || !isExact(slot)) continue;
    if (!sameBits(answered.row, other.row)) return { slot, answers: [answered, other] };
  }
  return undefined;
}

function answersOf(pieces: readonly Piece[], hidden: number): Map<number, Answered> {
  const answers = new Map<number, Answered>();
  for (const { shard, slots, rows } of pieces) {
    for (const [index, slot] of slots.entries()) {
      answers.set(slot, { shard, row: rows.subarray(index * hidden, (index + 1) * hidden) });
    }
  }
  return answers;
}

/** Compares bits, so that 0 and -0 differ. */
export function sameBits(a: Float32Array, b: Float32Array): boolean {
  const bits = (row: Float32Array) => Buffer.from(row.buffer, row.byteOffset, row.byteLength);
  return bits(a).equals(bits(b));
}
