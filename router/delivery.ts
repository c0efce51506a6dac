// Gets the rows of one layer answered, whatever becomes of the shards: by another copy where one fails, is busy, late or
// doubted, and down the ladder where the caller allows it. Knows rows of floats; no tokens, no sockets.
import { setTimeout as delay } from 'node:timers/promises';
import { RpcError, type RpcErrorCode, toRpcError } from '../rpc/errors.ts';
import { firstDifference, settleMismatch } from './audit.ts';
import type { DispatchOptions } from './dispatch.ts';
import { type Frame, group } from './group.ts';
import { bestCopies, rungLevel } from './ladder.ts';
import { type Lateness, lateness, wait } from './lateness.ts';
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

/** One way of getting slots answered. */
interface Attempt {
  /** Shards that have failed it, and how. */
  avoided: ReadonlyMap<Shard, RpcError>;
  /**
   * Shards that are still at the same slots. Where there are any, an answer may yet come: nothing worse is taken meanwhile,
   * and the assignment is left alone.
   */
  beside: ReadonlySet<Shard>;
  signal: AbortSignal;
}

/** After these another copy, or the same one a little later, may do. */
const passing: ReadonlySet<RpcErrorCode> = new Set(['unavailable', 'draining', 'not_held', 'busy']);
const busyMs = 100;
/** Something worse stands in for a shard that takes so many times as long as one that counts as lost. */
const stepDownFactor = 3;
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

  /** All slots that take part. Never rejects. */
  async deliver(signal: AbortSignal): Promise<Outcome> {
    return await this.#attempt(undefined, { avoided: new Map(), beside: new Set(), signal });
  }

  async #attempt(only: ReadonlySet<number> | undefined, attempt: Attempt): Promise<Outcome> {
    const { assignment, mask, bulk } = this.#options;
    const owners = this.#ownersFor(attempt);
    const { frames, unowned } = group({
      assignment,
      ownerOf: (expert, row) => owners.of(expert, this.#allowed(row, attempt))?.index,
      limitsOf: (owner) => owners.at(owner).limits,
      ...(mask !== undefined && { mask }),
      ...(bulk !== undefined && { bulk }),
      ...(only !== undefined && { only }),
    });
    this.#noteLevels(frames, owners, attempt);
    const parts = frames.map((frame) => this.#send(frame, owners.at(frame.owner), attempt));
    if (unowned.length > 0) {
      const slots = unowned.flatMap((row) => row.slots);
      parts.push(this.#standIn(slots, owners, attempt));
    }
    return parts.length === 1 ? await parts[0]! : joined(await Promise.all(parts));
  }

  #ownersFor({ avoided, beside }: Attempt): Owners {
    const { fleet, layer } = this.#options;
    return new Owners({
      copies: (expert) => fleet.copies(layer, expert),
      usable: (shard) => !avoided.has(shard) && !beside.has(shard),
      random: fleet.random,
    });
  }

  /** The level of the ladder that the row allows. */
  #allowed(row: number, { beside }: Attempt): number {
    return beside.size > 0 ? 0 : (this.#options.ladder?.[row] ?? 0);
  }

  async #send(frame: Frame, shard: Shard, attempt: Attempt): Promise<Outcome> {
    const { fleet } = this.#options;
    const isExact = fleet.replicated && this.#hasOther(frame, shard, attempt, 0);
    if (!isExact && this.#canStepDown(frame, shard, attempt))
      return await this.#stepDown(frame, shard, attempt);
    if (!isExact) {
      return this.#settled(frame, shard, await this.#call(frame, shard, attempt.signal), attempt);
    }
    const isFirst = attempt.beside.size === 0;
    if (isFirst && fleet.random() < fleet.policy.auditShare)
      return await this.#audited(frame, shard, attempt);
    fleet.hedges.earn();
    return await this.#hedged(frame, shard, attempt);
  }

  /** Its answer, or what came instead. */
  async #call(frame: Frame, shard: Shard, signal: AbortSignal): Promise<Piece | RpcError> {
    const { fleet, model, layer, x, hidden, trace = '' } = this.#options;
    const { bulk, rows, asks, slots } = frame;
    try {
      const answer = await shard.run(
        {
          model,
          layer,
          priority: bulk ? 1 : 0,
          trace,
          epoch: fleet.epoch,
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
  async #settled(frame: Frame, shard: Shard, result: Piece | RpcError, attempt: Attempt): Promise<Outcome> {
    const outcome = this.#judged(frame, shard, result);
    if (!(result instanceof RpcError)) return outcome;
    const { avoided, signal } = attempt;
    const isOver = performance.now() >= this.#deadlineAt;
    if (isOver || signal.aborted || result.code === 'cancelled') return outcome;
    this.#options.fleet.calls.retried++;
    const others = { ...attempt, avoided: new Map([...avoided, [shard, result]]) };
    return await this.#attempt(new Set(frame.slots), others);
  }

  /** A shard that failed by its own fault is blamed for it. */
  #judged(frame: Frame, shard: Shard, result: Piece | RpcError): Outcome {
    if (!(result instanceof RpcError)) return { pieces: [result], failed: new Map() };
    if (result.code === 'internal') {
      const { layer } = this.#options;
      shard.suspect(
        result.message,
        expertsOf(frame).map((expert) => ({ layer, expert })),
      );
    }
    return { pieces: [], failed: new Map(frame.slots.map((slot) => [slot, result])) };
  }

  /** Sent to a second shard where it is late and the budget allows, or where it is very late; the first answer wins. */
  async #hedged(frame: Frame, shard: Shard, attempt: Attempt): Promise<Outcome> {
    const { fleet } = this.#options;
    const { lateMs, lostMs } = this.#lateness(frame);
    const first = new Leash(attempt.signal);
    const second = new Leash(attempt.signal);
    try {
      const call = this.#call(frame, shard, first.signal);
      let result = await Promise.race([call, wait(lateMs, call)]);
      if (result !== undefined) return await this.#settled(frame, shard, result, attempt);
      const isHedge = fleet.hedges.spend();
      if (isHedge) fleet.calls.hedged++;
      else {
        result = await Promise.race([call, wait(lostMs - lateMs, call)]);
        if (result !== undefined) return await this.#settled(frame, shard, result, attempt);
        fleet.calls.retried++;
      }
      const other = this.#elsewhere(frame, shard, { ...attempt, signal: second.signal });
      const outcome = await firstWhole(
        call.then((ended) => this.#judged(frame, shard, ended)),
        other,
      );
      if (outcome === undefined) {
        second.cut(); // what it waits for beside this call may be worse than what is allowed now
        return await this.#settled(frame, shard, await call, attempt);
      }
      if (isHedge && outcome.pieces.every((piece) => piece.shard !== shard)) fleet.calls.hedgeWins++;
      return outcome;
    } finally {
      first.cut();
      second.cut();
    }
  }

  /** The only exact copy of an expert: where it is very late, what the rows allow stands in. */
  async #stepDown(frame: Frame, shard: Shard, attempt: Attempt): Promise<Outcome> {
    const leash = new Leash(attempt.signal);
    try {
      const call = this.#call(frame, shard, leash.signal);
      const ms = stepDownFactor * this.#lateness(frame).lostMs;
      const result = await Promise.race([call, wait(ms, call)]);
      const late = new RpcError('unavailable', `shard ${shard.address}: no answer in ${Math.round(ms)} ms`);
      return await this.#settled(frame, shard, result ?? late, attempt);
    } finally {
      leash.cut();
    }
  }

  /** Asked of two shards; the answer is used once both agree, or it is known which of them to believe. */
  async #audited(frame: Frame, shard: Shard, attempt: Attempt): Promise<Outcome> {
    const { fleet, hidden, layer } = this.#options;
    const { signal } = attempt;
    fleet.calls.audited++;
    const leash = new Leash(signal);
    try {
      const call = this.#call(frame, shard, leash.signal);
      const own = call.then((ended) => this.#judged(frame, shard, ended));
      const other = this.#elsewhere(frame, shard, { ...attempt, signal: leash.signal });
      const first = await firstWhole(own, other);
      if (first === undefined) {
        leash.cut();
        return await this.#settled(frame, shard, await call, attempt);
      }
      // Whoever is very late has no say.
      const { lostMs } = this.#lateness(frame);
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
        signal,
      });
      if (liar === shard) return pair[1];
      return pair[0];
    } finally {
      leash.cut();
    }
  }

  #lateness({ bulk }: Frame): Lateness {
    const { latencies } = this.#options.fleet;
    return lateness(bulk ? latencies.bulk : latencies.short);
  }

  /** The frame's slots by other shards, while this one is still at them. */
  #elsewhere(frame: Frame, shard: Shard, attempt: Attempt): Promise<Outcome> {
    return this.#attempt(new Set(frame.slots), { ...attempt, beside: new Set([...attempt.beside, shard]) });
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

  /** For rows with a slot that no copy may be asked for: the next best expert, none, a wait for a copy, or the end. */
  async #standIn(slots: readonly number[], owners: Owners, attempt: Attempt): Promise<Outcome> {
    const { assignment } = this.#options;
    const waiting: number[] = [];
    const served = new Set<number>();
    for (const slot of slots) {
      const allowed = this.#allowed(rowOf(slot, assignment.k), attempt);
      if (allowed < nextBest) waiting.push(slot);
      // The other experts of the row are asked as they are.
      else if (owners.of(assignment.experts[slot]!, allowed) !== undefined) served.add(slot);
      else if (this.#replaceExpert(slot, owners, allowed)) served.add(slot);
      else if (allowed >= passThrough) this.degraded.set(slot, passThrough);
      else waiting.push(slot);
    }
    const parts: Promise<Outcome>[] = [];
    if (served.size > 0) parts.push(this.#attempt(served, attempt));
    if (waiting.length > 0) parts.push(this.#waitFor(waiting, attempt));
    return joined(await Promise.all(parts));
  }

  /** Gives the slot the best expert that has a copy and that its row does not have yet. */
  #replaceExpert(slot: number, owners: Owners, allowed: number): boolean {
    const { k, experts, weights } = this.#options.assignment;
    const row = rowOf(slot, k);
    const taken = experts.subarray(row * k, (row + 1) * k);
    const next = this.#options
      .ranked?.(row)
      .find(({ expert }) => !taken.includes(expert) && owners.of(expert, allowed) !== undefined);
    if (next === undefined) return false;
    experts[slot] = next.expert;
    weights[slot] = next.weight;
    this.degraded.set(slot, nextBest);
    return true;
  }

  /** A shard that is busy will be free, one that is away may come back: waits as long as is worthwhile, then tries again. */
  async #waitFor(slots: readonly number[], attempt: Attempt): Promise<Outcome> {
    const { avoided, signal } = attempt;
    const now = performance.now();
    const errors = [...avoided.values()];
    const busy = errors.filter(({ code }) => code === 'busy');
    const final = errors.find(({ code }) => !passing.has(code));
    const end = (): Outcome => {
      const why = final ?? busy[0];
      return {
        pieces: [],
        failed: new Map(slots.map((slot) => [slot, why ?? this.#nobody(slot, errors.at(-1))])),
      };
    };
    if (signal.aborted || final !== undefined) return end();

    if (busy.length > 0) {
      const ms = Math.min(...busy.map(({ retryAfterMs = busyMs }) => retryAfterMs));
      if (now + ms >= this.#deadlineAt) return end();
      await pause(ms, signal);
    } else {
      const until = this.#patienceEnds(now, attempt);
      if (now >= until) return end();
      await pause(Math.min(lookMs, until - now), signal);
      await this.#untilBack(slots, attempt, until);
    }
    if (signal.aborted || performance.now() >= this.#deadlineAt) return end();
    return await this.#attempt(new Set(slots), { ...attempt, avoided: new Map() });
  }

  /** While another shard is at the slots, there is no hurry. */
  #patienceEnds(now: number, { beside }: Attempt): number {
    if (beside.size > 0) return this.#deadlineAt;
    this.#patienceAt ??= Math.min(now + this.#options.fleet.policy.patienceMs, this.#deadlineAt);
    return this.#patienceAt;
  }

  /** Until some row could be answered. */
  async #untilBack(slots: readonly number[], attempt: Attempt, until: number): Promise<void> {
    const { fleet, layer, assignment } = this.#options;
    const rows = [...Map.groupBy(slots, (slot) => rowOf(slot, assignment.k))];
    const isBack = () =>
      rows.some(([row, ofRow]) =>
        ofRow.every((slot) => {
          const copies = fleet.copies(layer, assignment.experts[slot]!);
          return bestCopies(copies, this.#allowed(row, attempt), (shard) => !attempt.beside.has(shard));
        }),
      );
    await fleet.until(isBack, Math.max(0, until - performance.now()), attempt.signal);
  }

  #nobody(slot: number, cause: RpcError | undefined): RpcError {
    const { layer, assignment } = this.#options;
    const message = `no connected shard holds expert ${assignment.experts[slot]} of layer ${layer}`;
    return new RpcError('unavailable', message, { cause });
  }

  /** Every expert of the frame has a copy elsewhere, on this level of the ladder at worst. */
  #hasOther({ asks }: Frame, shard: Shard, { avoided, beside }: Attempt, level: number): boolean {
    const { fleet, layer } = this.#options;
    const isOther = (other: Shard) => other !== shard && !avoided.has(other) && !beside.has(other);
    for (let i = 1; i < asks.length; i += 2) {
      if (bestCopies(fleet.copies(layer, asks[i]!), level, isOther) === undefined) return false;
    }
    return true;
  }

  /** All rows of the frame allow copies that are not exact, and there are such. */
  #canStepDown(frame: Frame, shard: Shard, attempt: Attempt): boolean {
    if (this.#options.ladder === undefined) return false;
    const level = Math.min(...frame.rows.map((row) => this.#allowed(row, attempt)));
    return level > 0 && this.#hasOther(frame, shard, attempt, level);
  }

  #noteLevels(frames: readonly Frame[], owners: Owners, attempt: Attempt): void {
    if (this.#options.ladder === undefined || attempt.beside.size > 0) return;
    const { k, experts } = this.#options.assignment;
    for (const { slots } of frames) {
      for (const slot of slots) {
        const level = owners.of(experts[slot]!, this.#allowed(rowOf(slot, k), attempt))?.level ?? 0;
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

function joined(outcomes: readonly Outcome[]): Outcome {
  return {
    pieces: outcomes.flatMap(({ pieces }) => pieces),
    failed: new Map(outcomes.flatMap(({ failed }) => [...failed])),
  };
}

/** The first that has not failed; undefined as soon as `own` has. */
async function firstWhole(own: Promise<Outcome>, other: Promise<Outcome>): Promise<Outcome | undefined> {
  const first = await Promise.race([own, other]);
  if (first.failed.size === 0) return first;
  const ended = await own;
  return ended.failed.size === 0 ? ended : undefined;
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
