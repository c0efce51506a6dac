// Asks two shards of one numerics class the same, and where they give different bits, finds out which of them to believe.
// Knows no sockets.
import { toRpcError } from '../rpc/errors.ts';
import type { Fleet } from './fleet.ts';
import { type CallInHand, latenessOf } from './hedge.ts';
import { wait } from './lateness.ts';
import { Leash } from './leash.ts';
import { firstWhole, type Outcome } from './outcome.ts';
import { askGoldens, type Unit } from './proof.ts';
import type { Shard } from './shard.ts';

/** What an audit must know of the rows. */
export interface Audit {
  hidden: number;
  unitOf: (slot: number) => Unit;
  /** The answer of a shard to the slot's row, once more; undefined where none came. */
  ask: (shard: Shard, slot: number) => Promise<Float32Array | undefined>;
}

/** Asked of two shards; the answer is used once both agree, or it is known which of them to believe. */
export async function audited(inHand: CallInHand, { hidden, unitOf, ask }: Audit): Promise<Outcome> {
  const { fleet, shard, signal } = inHand;
  fleet.calls.audited++;
  const leash = new Leash(signal);
  try {
    const call = inHand.call(leash.signal);
    const own = call.then((ended) => inHand.judge(ended));
    const other = inHand.elsewhere(leash.signal);
    const first = await firstWhole(own, other);
    if (first === undefined) {
      leash.cut();
      return await inHand.settle(await call);
    }
    const both = Promise.all([own, other]);
    // Whoever is very late has no say, unless every answer is to be confirmed.
    const isSample = fleet.policy.auditShare < 1;
    const pair = await (isSample ? Promise.race([both, wait(latenessOf(inHand).lostMs, both)]) : both);
    if (pair === undefined || pair.some(({ failed }) => failed.size > 0)) return first;
    const difference = firstDifference(pair[0], pair[1], hidden);
    if (difference === undefined) return first;
    fleet.calls.mismatches++;
    const unit = unitOf(difference.slot);
    const askAgain = (asked: Shard) => ask(asked, difference.slot);
    const liar = await settleMismatch({ fleet, unit, difference, ask: askAgain, signal });
    return liar === shard ? pair[1] : pair[0];
  } finally {
    leash.cut();
  }
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

/** The first slot whose answers differ in a bit; both outcomes hold the same slots. */
export function firstDifference(a: Outcome, b: Outcome, hidden: number): Difference | undefined {
  const others = answersOf(b, hidden);
  for (const [slot, answered] of answersOf(a, hidden)) {
    const other = others.get(slot);
    if (other !== undefined && !sameBits(answered.row, other.row))
      return { slot, answers: [answered, other] };
  }
  return undefined;
}

export interface MismatchOptions {
  fleet: Fleet;
  unit: Unit;
  difference: Difference;
  /** The answer of a shard to the disputed row, once more; undefined where none came. */
  ask: (shard: Shard) => Promise<Float32Array | undefined>;
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

async function byThirdCopy({ fleet, unit, difference, ask }: MismatchOptions): Promise<Shard | undefined> {
  const [a, b] = difference.answers;
  const { exact } = fleet.copies(unit.layer, unit.expert);
  for (const third of exact) {
    if (third === a.shard || third === b.shard) continue;
    const row = await ask(third);
    if (row === undefined) continue;
    if (sameBits(row, a.row)) return b.shard;
    if (sameBits(row, b.row)) return a.shard;
  }
  return undefined;
}

async function byRepeating({ difference, ask }: MismatchOptions): Promise<Shard | undefined> {
  const [a, b] = difference.answers;
  const repeats = await Promise.all([a, b].map(async ({ shard, row }) => repeated(row, await ask(shard))));
  if (repeats[0] === repeats[1]) return undefined;
  return repeats[0] ? b.shard : a.shard;
}

/** No answer is no wrong one. */
function repeated(row: Float32Array, again: Float32Array | undefined): boolean {
  return again === undefined || sameBits(row, again);
}

async function byGoldens({ fleet, unit, difference, signal }: MismatchOptions): Promise<Shard | undefined> {
  for (const { shard } of difference.answers) {
    const { proof } = fleet;
    const { offer } = shard;
    if (proof === undefined || offer === undefined || !proof.speaksFor(offer)) continue;
    const run: typeof shard.run = (request, options) => shard.run(request, options);
    const fault = await askGoldens({ proof, offer, run, units: [unit], signal }).catch((cause) => {
      const { message } = toRpcError(cause);
      fleet.log('warn', `shard ${shard.address} did not answer a golden row: ${message}`);
      return undefined;
    });
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
