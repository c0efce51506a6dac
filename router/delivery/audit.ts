// A second opinion: which slots of a call are asked of another replica too, whether the two answers differ, and what is
// believed once the wrong shard is known. Starts nothing; judge.ts finds the wrong shard.
import { type Candidate, choose } from '../choice.ts';
import type { Frame } from '../group.ts';
import type { Shard } from '../shards/shard.ts';
import { latenessOf } from './hedge.ts';
import {
  type Action,
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

/** Draws whether a call is audited, and gives the slots for which another replica is asked too. */
export function doubtedOf(
  { step, degraded }: Ledger,
  { slots }: Frame,
  shard: Shard,
  attempt: Attempt,
): readonly number[] {
  const { fleet, layer, assignment } = step;
  if (attempt.beside.length > 0 || !fleet.replicated || !fleet.audits.draw()) return none;
  const isOther = (other: Shard) => other !== shard && mayAsk(other, attempt);
  return doubtedSlots(
    slots.filter((slot) => degraded?.has(slot) !== true),
    (slot) => fleet.replicas(layer, assignment.experts[slot]!).exact.filter(isOther),
    { auditShare: fleet.policy.auditShare, random: fleet.random },
  );
}

/**
 * If every call is audited, these are all slots that have another exact replica. Otherwise one of those replicas is drawn, and
 * these are the slots that it holds: while some shard is away, few frames have a second replica of all their slots.
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

/** Looks whether the audit has what it waits for. */
export function review(ledger: Ledger, audit: Audit, actions: Action[]): void {
  const { fleet, hidden } = ledger.step;
  if (audit.state === 'judgement') return;
  if (audit.state === 'answer') {
    if (isUnderWay(ledger, audit)) return;
    audit.state = 'opinion';
    audit.lostMs = latenessOf(ledger, audit.call.frame).lostMs;
    // If every answer is to be confirmed, the caller waits for it. A sample holds up nobody longer than a lost call does.
    if (fleet.policy.auditShare < 1) audit.wakeAt = ledger.now + audit.lostMs;
  }
  const anyFailed = audit.call.slots.some((slot) => ledger.failed?.has(slot));
  if (audit.opinion === undefined && !anyFailed) return;
  const isExact = (slot: number) => ledger.degraded?.has(slot) !== true;
  const difference = anyFailed
    ? undefined
    : firstDifference(piecesOf(ledger, audit.call), audit.opinion ?? [], { hidden, isExact });
  if (difference === undefined) {
    close(ledger, audit, actions);
    return;
  }
  fleet.calls.mismatches++;
  audit.state = 'judgement';
  actions.push({ type: 'judge', audit, difference });
}

/** Some slot of the audited call still waits for something. */
function isUnderWay({ open, audits }: Ledger, audit: Audit): boolean {
  const slots = new Set(audit.call.slots);
  // All slots of what was begun after the call are slots of the call, or none is.
  const isOurs = (entry: Call | Wait) => slots.has(entry.slots[0]!);
  return open.some(isOurs) || audits.slice(audits.indexOf(audit) + 1).some(({ call }) => isOurs(call));
}

/** The answers to the call's slots, whichever shard gave them. */
function piecesOf({ pieces }: Ledger, call: Call): Piece[] {
  const slots = new Set(call.slots);
  return pieces.filter((piece) => slots.has(piece.slots[0]!));
}

/** What the ledger holds by now is used. */
export function close(ledger: Ledger, audit: Audit, actions: Action[]): void {
  ledger.audits = ledger.audits.filter((each) => each !== audit);
  actions.push({ type: 'close', audit });
}

/** Takes the answers of `liar` to the audited call out of the ledger. Returns the slots that only it has answered. */
export function discredit(ledger: Ledger, { call, opinion = [] }: Audit, liar: Shard): number[] {
  const pieces = piecesOf(ledger, call);
  const { believed, rest } = without(liar, pieces, opinion);
  ledger.pieces = [...believed, ...ledger.pieces.filter((piece) => !pieces.includes(piece))];
  return rest;
}

/** One wrong answer makes all others of the shard doubtful. `rest` are the slots that only `liar` has answered. */
export function without(
  liar: Shard,
  pieces: readonly Piece[],
  opinion: readonly Piece[],
): { believed: Piece[]; rest: number[] } {
  const doubted = pieces.filter(({ shard }) => shard === liar).flatMap(({ slots }) => slots);
  if (doubted.length === 0) return { believed: [...pieces], rest: [] };
  const believed = [...opinion, ...pieces].filter(({ shard }) => shard !== liar);
  const known = new Set(believed.flatMap(({ slots }) => slots));
  return { believed, rest: doubted.filter((slot) => !known.has(slot)) };
}

/** The first slot that two shards have answered with different bits; undefined if there is none. */
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

/** Whether the bits are equal: 0 and -0 differ. */
export function sameBits(a: Float32Array, b: Float32Array): boolean {
  const bits = (row: Float32Array) => Buffer.from(row.buffer, row.byteOffset, row.byteLength);
  return bits(a).equals(bits(b));
}
