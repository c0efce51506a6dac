// Asks a second shard of one numerics class for a part of what the first was asked, and where they give different bits, finds
// out which of them to believe. Knows no frames and no sockets.
import { toRpcError } from '../../rpc/errors.ts';
import type { Fleet } from '../fleet.ts';
import { askGoldens, GOLDEN_DEADLINE_MS } from '../shards/golden-checks.ts';
import type { Shard } from '../shards/shard.ts';
import type { Unit } from '../shards/units.ts';
import { latenessOf } from './hedge.ts';
import { wait } from './lateness.ts';
import { Leash } from './leash.ts';
import { joined, type Outcome } from './outcome.ts';

/** What an audit must know of a call and of its rows. */
export interface Audit {
  fleet: Fleet;
  bulk: boolean;
  signal: AbortSignal;
  hidden: number;
  /** Asks other shards for the rows, or for a part of them. */
  opinion: (signal: AbortSignal) => Promise<Outcome>;
  /** Nothing stood in for the slot's expert: its answer must be the same everywhere. */
  isExact: (slot: number) => boolean;
  unitOf: (slot: number) => Unit;
  /** Ready to ask shards for the slot's row once more, also when the step is over; undefined where no answer came. */
  asker: (slot: number) => (shard: Shard, signal: AbortSignal) => Promise<Float32Array | undefined>;
  /** The slots by other shards than the one that has answered wrongly. */
  without: (liar: Shard, slots: readonly number[]) => Promise<Outcome>;
}

/**
 * What is `delivered`, once others agree with it or it is known which shard to believe: then without the answers of the
 * liar. Of a sample, that takes no longer than a call that counts as lost: where a second or a third copy is later, what is
 * delivered is used as it is, as where nothing shows who is wrong, and the judging goes on behind the caller's back, so that
 * the liar is cordoned all the same. Where every answer is to be confirmed the judgement is waited for, whose every question
 * may take as long as that.
 */
export async function audited(delivered: Promise<Outcome>, audit: Audit): Promise<Outcome> {
  const { fleet, signal } = audit;
  const isSample = fleet.policy.auditShare < 1;
  fleet.calls.audited++;
  const leash = new Leash(signal);
  try {
    const asked = audit.opinion(leash.signal);
    const outcome = await delivered;
    if (outcome.failed.size > 0) return outcome;
    const { lostMs } = latenessOf(audit);
    const lostAt = performance.now() + lostMs;
    const opinion = await (isSample ? Promise.race([asked, wait(lostMs, asked)]) : asked);
    const difference = opinion && firstDifference(outcome, opinion, audit);
    if (opinion === undefined || difference === undefined) return outcome;
    fleet.calls.mismatches++;
    const unit = audit.unitOf(difference.slot);
    const ask = audit.asker(difference.slot);
    const judged = settleMismatch({ fleet, unit, difference, ask, lostMs, signal });
    const late = wait(lostAt - performance.now(), judged);
    const liar = await (isSample ? Promise.race([judged, late]) : judged);
    return liar === undefined ? outcome : await withoutLiar(liar, outcome, opinion, audit);
  } finally {
    leash.cut();
  }
}

/** What else the liar has answered may be as wrong. */
async function withoutLiar(
  liar: Shard,
  outcome: Outcome,
  opinion: Outcome,
  { without }: Audit,
): Promise<Outcome> {
  const doubted = outcome.pieces.filter(({ shard }) => shard === liar).flatMap(({ slots }) => slots);
  if (doubted.length === 0) return outcome;
  const others = [...opinion.pieces, ...outcome.pieces].filter(({ shard }) => shard !== liar);
  const believed: Outcome = { pieces: others, failed: outcome.failed };
  const known = new Set(others.flatMap(({ slots }) => slots));
  const rest = doubted.filter((slot) => !known.has(slot));
  return rest.length === 0 ? believed : joined([believed, await without(liar, rest)]);
}

/** What `ask` resolves to; undefined, and it is ended, where that takes longer than `ms`. */
async function within<T>(
  ms: number,
  parent: AbortSignal,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const leash = new Leash(parent);
  const answer = ask(leash.signal);
  const inTime = await Promise.race([answer, wait(ms, answer)]);
  leash.cut();
  return inTime;
}

export interface Difference {
  slot: number;
  /** Their answers, `[hidden]`. */
  answers: readonly [Answered, Answered];
}

export interface Answered {
  shard: Shard;
  row: Float32Array;
}

/** The first slot that two shards have answered, and not by the same bits; undefined where they agree. */
export function firstDifference(
  a: Outcome,
  b: Outcome,
  { hidden, isExact }: Pick<Audit, 'hidden' | 'isExact'>,
): Difference | undefined {
  const others = answersOf(b, hidden);
  for (const [slot, answered] of answersOf(a, hidden)) {
    const other = others.get(slot);
    if (other === undefined || other.shard === answered.shard || !isExact(slot)) continue;
    if (!sameBits(answered.row, other.row)) return { slot, answers: [answered, other] };
  }
  return undefined;
}

export interface MismatchOptions {
  fleet: Fleet;
  unit: Unit;
  difference: Difference;
  /** The answer of a shard to the disputed row, once more; undefined where none came. */
  ask: (shard: Shard, signal: AbortSignal) => Promise<Float32Array | undefined>;
  /** Each shard may take so long for it: what is later counts as no answer. Milliseconds. */
  lostMs: number;
  /** Ends the asking. */
  signal: AbortSignal;
}

/**
 * Cordons and returns the shard that answered wrongly: by a third copy's answer, else the one that does not repeat its own,
 * else the one that fails the golden row. Undefined, and a word in the log, where neither shows.
 */
export async function settleMismatch(options: MismatchOptions): Promise<Shard | undefined> {
  const { fleet, unit, difference } = options;
  const [a, b] = difference.answers;
  const liar = (await byThirdCopy(options)) ?? (await byRepeating(options)) ?? (await byGoldens(options));
  const named = `expert ${unit.expert} of layer ${unit.layer}`;
  if (liar === undefined) {
    const both = `${a.shard.address} and ${b.shard.address}`;
    fleet.log('warn', `shards ${both} differ on ${named}, and neither is shown to be wrong`);
    return undefined;
  }
  const witness = liar === a.shard ? b : a;
  liar.accuse(`its answer of ${named} differs from that of ${witness.shard.address}`, [unit]);
  return liar;
}

async function byThirdCopy({
  fleet,
  unit,
  difference,
  ask,
  lostMs,
  signal,
}: MismatchOptions): Promise<Shard | undefined> {
  const [a, b] = difference.answers;
  const { exact } = fleet.copies(unit.layer, unit.expert);
  for (const third of exact) {
    if (third === a.shard || third === b.shard) continue;
    const row = await within(lostMs, signal, (ended) => ask(third, ended));
    if (row === undefined) continue;
    if (sameBits(row, a.row)) return b.shard;
    if (sameBits(row, b.row)) return a.shard;
  }
  return undefined;
}

async function byRepeating({ difference, ask, lostMs, signal }: MismatchOptions): Promise<Shard | undefined> {
  const [a, b] = difference.answers;
  const again = ({ shard }: Answered) => within(lostMs, signal, (ended) => ask(shard, ended));
  const repeats = await Promise.all([a, b].map(async (each) => repeated(each.row, await again(each))));
  if (repeats[0] === repeats[1]) return undefined;
  return repeats[0] ? b.shard : a.shard;
}

/** No answer is no wrong one. */
function repeated(row: Float32Array, again: Float32Array | undefined): boolean {
  return again === undefined || sameBits(row, again);
}

async function byGoldens({
  fleet,
  unit,
  difference,
  lostMs,
  signal,
}: MismatchOptions): Promise<Shard | undefined> {
  for (const { shard } of difference.answers) {
    const { goldens } = fleet;
    const { offer } = shard;
    if (goldens === undefined || offer === undefined || !goldens.covers(offer)) continue;
    const run: typeof shard.run = (request, options) => shard.run(request, options);
    const fault = await within(lostMs, signal, (ended) =>
      askGoldens({ goldens, offer, run, units: [unit], deadlineMs: GOLDEN_DEADLINE_MS, signal: ended }).catch(
        (cause) => {
          const { message } = toRpcError(cause);
          fleet.log('warn', `shard ${shard.address} did not answer a golden row: ${message}`);
          return undefined;
        },
      ),
    );
    if (fault !== undefined) return shard;
  }
  return undefined;
}

function answersOf({ pieces }: Outcome, hidden: number): Map<number, Answered> {
  const answers = new Map<number, Answered>();
  for (const { shard, slots, rows } of pieces) {
    for (const [index, slot] of slots.entries()) {
      answers.set(slot, { shard, row: rows.subarray(index * hidden, (index + 1) * hidden) });
    }
  }
  return answers;
}

/** Not by value: -0 and 0 differ. */
function sameBits(a: Float32Array, b: Float32Array): boolean {
  const bits = (row: Float32Array) => Buffer.from(row.buffer, row.byteOffset, row.byteLength);
  return bits(a).equals(bits(b));
}
