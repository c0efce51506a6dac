// Gets the rows of one layer answered, whatever becomes of the shards: by another copy where one fails, is busy, late or
// doubted, and down the ladder where the caller allows it. Knows rows of floats; no tokens, no sockets.
import { setTimeout as delay } from 'node:timers/promises';
import { RpcError, type RpcErrorCode, toRpcError } from '../rpc/errors.ts';
import { firstDifference, settleMismatch } from './audit.ts';
import type { DispatchOptions } from './dispatch.ts';
import { type Frame, group } from './group.ts';
import { rungLevel } from './ladder.ts';
import { lateness, wait } from './lateness.ts';
import { Leash } from './leash.ts';
import { Owners } from './owners.ts';
import type { Shard } from './shard.ts';

/** Answers of one shard. */
export interface Piece {
  shard: Shard;
  slots: readonly number[];
  /** `[slots, hidden]` */
  rows: Float32Array;
}

export interface Outcome {
  pieces: Piece[];
  /** By slot. A slot in neither goes without an answer, as its row allows. */
  failed: Map<number, RpcError>;
}

/** Shards that are not to be asked, and what each of them did. */
type Avoided = ReadonlyMap<Shard, RpcError>;

/** After these another copy, or the same one a little later, may do. */
const passing: ReadonlySet<RpcErrorCode> = new Set(['unavailable', 'draining', 'not_held', 'busy']);
const busyMs = 100;
/** Between two looks for a copy that has come back. */
const lookMs = 10;
const [nextBest, passThrough] = [rungLevel('next_best'), rungLevel('pass_through')];

export class Delivery {
  /** By slot, the level of the ladder that stood in. */
  readonly degraded = new Map<number, number>();
  readonly #options: DispatchOptions;
  readonly #deadlineAt: number;
  /** When waiting for a copy to come back ends. */
  #patienceAt: number | undefined;

  constructor(options: DispatchOptions) {
    this.#options = options;
    this.#deadlineAt = performance.now() + options.deadlineMs;
  }

  /** The slots `only`, or all that take part, by other shards than those avoided. Never rejects. */
  async deliver(
    only: ReadonlySet<number> | undefined,
    avoided: Avoided,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { fleet, layer, assignment, mask, bulk, ladder } = this.#options;
    const owners = new Owners({
      copies: (expert) => fleet.copies(layer, expert),
      usable: (shard) => !avoided.has(shard),
      random: fleet.random,
    });
    const { frames, unowned } = group({
      assignment,
      ownerOf: (expert, row) => owners.of(expert, ladder?.[row] ?? 0)?.index,
      limitsOf: (owner) => owners.at(owner).limits,
      ...(mask !== undefined && { mask }),
      ...(bulk !== undefined && { bulk }),
      ...(only !== undefined && { only }),
    });
    if (ladder !== undefined) this.#noteLevels(frames, owners, ladder);
    const parts = frames.map((frame) => this.#send(frame, owners.at(frame.owner), avoided, signal));
    if (unowned.length > 0) {
      parts.push(
        this.#standIn(
          unowned.flatMap(({ slots }) => slots),
          avoided,
          signal,
        ),
      );
    }
    return parts.length === 1 ? await parts[0]! : joined(await Promise.all(parts));
  }

  async #send(frame: Frame, shard: Shard, avoided: Avoided, signal: AbortSignal): Promise<Outcome> {
    const { fleet } = this.#options;
    if (!fleet.replicated || !this.#hasOther(frame, shard, avoided)) {
      return this.#settled(frame, shard, await this.#call(frame, shard, signal), avoided, signal);
    }
    if (fleet.random() < fleet.policy.auditShare) return await this.#audited(frame, shard, avoided, signal);
    fleet.hedges.earn();
    return await this.#hedged(frame, shard, avoided, signal);
  }

  /** Its answer, or what came instead. */
  async #call(frame: Frame, shard: Shard, signal: AbortSignal): Promise<Piece | RpcError> {
    const { model, layer, x, hidden, trace = '' } = this.#options;
    const { bulk, rows, asks, slots } = frame;
    try {
      const answer = await shard.run(
        {
          model,
          layer,
          priority: bulk ? 1 : 0,
          trace,
          epoch: 0,
          rows: rows.length * hidden === x.length ? x : gather(x, rows, hidden),
          asks: Uint16Array.from(asks),
        },
        { deadlineMs: this.#deadlineAt - performance.now(), bulk, signal },
      );
      return { shard, slots, rows: answer.rows };
    } catch (cause) {
      return toRpcError(cause);
    }
  }

  /** What a call's end means: its answer, or another attempt elsewhere. */
  async #settled(
    frame: Frame,
    shard: Shard,
    result: Piece | RpcError,
    avoided: Avoided,
    signal: AbortSignal,
  ): Promise<Outcome> {
    if (!(result instanceof RpcError)) return whole(result);
    if (signal.aborted || result.code === 'cancelled') return lost(frame.slots, result);
    const { fleet, layer } = this.#options;
    if (result.code === 'internal') {
      const units = expertsOf(frame).map((expert) => ({ layer, expert }));
      shard.accuse(result.message, units);
    }
    fleet.calls.retried++;
    return await this.deliver(new Set(frame.slots), new Map([...avoided, [shard, result]]), signal);
  }

  /** Sent to a second shard where it is late and the budget allows, or where it is very late; the first answer wins. */
  async #hedged(frame: Frame, shard: Shard, avoided: Avoided, signal: AbortSignal): Promise<Outcome> {
    const { fleet } = this.#options;
    const { lateMs, lostMs } = lateness(frame.bulk ? fleet.latencies.bulk : fleet.latencies.short);
    const first = new Leash(signal);
    const second = new Leash(signal);
    try {
      const call = this.#call(frame, shard, first.signal);
      let result = await Promise.race([call, wait(lateMs, call)]);
      if (result !== undefined) return await this.#settled(frame, shard, result, avoided, signal);
      if (fleet.hedges.spend()) fleet.calls.hedged++;
      else {
        result = await Promise.race([call, wait(lostMs - lateMs, call)]);
        if (result !== undefined) return await this.#settled(frame, shard, result, avoided, signal);
        fleet.calls.retried++;
      }
      const late = new RpcError('deadline', `shard ${shard.address}: no answer in ${Math.round(lateMs)} ms`);
      const slots = new Set(frame.slots);
      const other = this.deliver(slots, new Map([...avoided, [shard, late]]), second.signal);
      const own = call.then((ended) => (ended instanceof RpcError ? lost(frame.slots, ended) : whole(ended)));
      const outcome = await firstWhole(own, other);
      if (outcome.pieces.every((piece) => piece.shard !== shard)) fleet.calls.hedgeWins++;
      return outcome;
    } finally {
      first.cut();
      second.cut();
    }
  }

  /** Asked of two shards; the answer is used once both agree, or it is known which of them to believe. */
  async #audited(frame: Frame, shard: Shard, avoided: Avoided, signal: AbortSignal): Promise<Outcome> {
    const { fleet, hidden, layer } = this.#options;
    fleet.calls.audited++;
    const leash = new Leash(signal);
    try {
      const call = this.#call(frame, shard, leash.signal);
      const avoiding = new RpcError('unavailable', 'has been asked already');
      const slots = new Set(frame.slots);
      const other = this.deliver(slots, new Map([...avoided, [shard, avoiding]]), leash.signal);
      const own = call.then((ended) => (ended instanceof RpcError ? lost(frame.slots, ended) : whole(ended)));
      const first = await firstWhole(own, other);
      if (first.failed.size > 0) return first;
      // Whoever is very late has no say.
      const { lostMs } = lateness(frame.bulk ? fleet.latencies.bulk : fleet.latencies.short);
      const both = Promise.all([own, other]);
      const pair = await Promise.race([both, wait(lostMs, both)]);
      if (pair === undefined || pair.some(({ failed }) => failed.size > 0)) return first;
      const difference = firstDifference(pair[0], pair[1], hidden);
      if (difference === undefined) return first;
      fleet.calls.mismatches++;
      const expert = this.#options.assignment.experts[difference.slot]!;
      const row = rowOf(difference.slot, this.#options.assignment.k);
      const liar = await settleMismatch({
        fleet,
        unit: { layer, expert },
        difference,
        ask: (asked) => this.#askAgain(asked, row, expert, difference.slot, signal),
      });
      if (liar === shard) return pair[1];
      return pair[0];
    } finally {
      leash.cut();
    }
  }

  async #askAgain(
    shard: Shard,
    row: number,
    expert: number,
    slot: number,
    signal: AbortSignal,
  ): Promise<Float32Array | undefined> {
    const frame: Frame = { owner: 0, bulk: false, rows: [row], asks: [0, expert], slots: [slot] };
    const result = await this.#call(frame, shard, signal);
    return result instanceof RpcError ? undefined : result.rows;
  }

  /** For slots without a copy that may be asked: the next best expert, none, a wait for one to come back, or the end. */
  async #standIn(slots: readonly number[], avoided: Avoided, signal: AbortSignal): Promise<Outcome> {
    const { ladder, assignment } = this.#options;
    const left: number[] = [];
    const replaced: number[] = [];
    for (const slot of slots) {
      const allowed = ladder?.[rowOf(slot, assignment.k)] ?? 0;
      if (allowed >= nextBest && this.#replaceExpert(slot, allowed, avoided)) replaced.push(slot);
      else if (allowed >= passThrough) this.degraded.set(slot, passThrough);
      else left.push(slot);
    }
    const parts: Promise<Outcome>[] = [];
    if (replaced.length > 0) parts.push(this.deliver(new Set(replaced), avoided, signal));
    if (left.length > 0) parts.push(this.#waitFor(left, avoided, signal));
    return joined(await Promise.all(parts));
  }

  /** Gives the slot the best expert that has a copy and that its row does not have yet. */
  #replaceExpert(slot: number, allowed: number, avoided: Avoided): boolean {
    const { fleet, layer, assignment, ranked } = this.#options;
    const { k, experts, weights } = assignment;
    const row = rowOf(slot, k);
    const taken = experts.subarray(row * k, (row + 1) * k);
    const usable = (shard: Shard) => !avoided.has(shard);
    const owners = new Owners({
      copies: (expert) => fleet.copies(layer, expert),
      usable,
      random: fleet.random,
    });
    const next = ranked?.(row).find(
      ({ expert }) => !taken.includes(expert) && owners.of(expert, allowed) !== undefined,
    );
    if (next === undefined) return false;
    experts[slot] = next.expert;
    weights[slot] = next.weight;
    this.degraded.set(slot, nextBest);
    return true;
  }

  /** A shard that is busy will be free, one that is away may come back: waits as long as is worthwhile, then tries again. */
  async #waitFor(slots: readonly number[], avoided: Avoided, signal: AbortSignal): Promise<Outcome> {
    const { fleet, layer, assignment } = this.#options;
    const now = performance.now();
    const errors = [...avoided.values()];
    const end = () => new Map(slots.map((slot) => [slot, errors.at(-1) ?? this.#nobody(slot)]));
    if (signal.aborted || errors.some(({ code }) => !passing.has(code))) return { pieces: [], failed: end() };

    const busy = errors.filter(({ code }) => code === 'busy');
    if (busy.length > 0) {
      const ms = Math.min(...busy.map(({ retryAfterMs = busyMs }) => retryAfterMs));
      if (now + ms >= this.#deadlineAt) return { pieces: [], failed: end() };
      await pause(ms, signal);
      const stillAvoided = new Map([...avoided].filter(([, { code }]) => code !== 'busy'));
      return await this.deliver(new Set(slots), stillAvoided, signal);
    }
    this.#patienceAt ??= Math.min(now + fleet.policy.patienceMs, this.#deadlineAt);
    if (now >= this.#patienceAt) return { pieces: [], failed: end() };
    await pause(Math.min(lookMs, this.#patienceAt - now), signal);
    const isBack = () =>
      slots.every((slot) => fleet.copies(layer, assignment.experts[slot]!).exact.length > 0);
    const left = Math.max(0, this.#patienceAt - performance.now());
    if (!(await fleet.until(isBack, left, signal)) || signal.aborted) return { pieces: [], failed: end() };
    return await this.deliver(new Set(slots), new Map(), signal);
  }

  #nobody(slot: number): RpcError {
    const { layer, assignment } = this.#options;
    const expert = assignment.experts[slot];
    return new RpcError('unavailable', `no connected shard holds expert ${expert} of layer ${layer}`);
  }

  /** Every expert of the frame has an exact copy elsewhere. */
  #hasOther({ asks }: Frame, shard: Shard, avoided: Avoided): boolean {
    const { fleet, layer } = this.#options;
    for (let i = 1; i < asks.length; i += 2) {
      const { exact } = fleet.copies(layer, asks[i]!);
      if (!exact.some((other) => other !== shard && !avoided.has(other))) return false;
    }
    return true;
  }

  #noteLevels(frames: readonly Frame[], owners: Owners, ladder: Uint8Array): void {
    const { k, experts } = this.#options.assignment;
    for (const { slots } of frames) {
      for (const slot of slots) {
        const level = owners.of(experts[slot]!, ladder[rowOf(slot, k)]!)?.level ?? 0;
        if (this.degraded.get(slot) === nextBest) continue;
        if (level > 0) this.degraded.set(slot, level);
        else this.degraded.delete(slot);
      }
    }
  }
}

function rowOf(slot: number, k: number): number {
  return Math.floor(slot / k);
}

function expertsOf({ asks }: Frame): number[] {
  return [...new Set(asks.filter((_, i) => i % 2 === 1))];
}

function whole(piece: Piece): Outcome {
  return { pieces: [piece], failed: new Map() };
}

function lost(slots: readonly number[], error: RpcError): Outcome {
  return { pieces: [], failed: new Map(slots.map((slot) => [slot, error])) };
}

function joined(outcomes: readonly Outcome[]): Outcome {
  return {
    pieces: outcomes.flatMap(({ pieces }) => pieces),
    failed: new Map(outcomes.flatMap(({ failed }) => [...failed])),
  };
}

/** The first that has not failed; where both have, that of `other`, which was tried at more places. */
async function firstWhole(own: Promise<Outcome>, other: Promise<Outcome>): Promise<Outcome> {
  const first = await Promise.race([own, other]);
  if (first.failed.size === 0) return first;
  const ended = await own;
  return ended.failed.size === 0 ? ended : await other;
}

function gather(x: Float32Array, rows: readonly number[], hidden: number): Float32Array {
  const gathered = new Float32Array(rows.length * hidden);
  rows.forEach((row, i) => {
    gathered.set(x.subarray(row * hidden, (row + 1) * hidden), i * hidden);
  });
  return gathered;
}

/** Ends early, without a word, when the signal is aborted: its owner looks. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => signal.aborted);
}
