// Gets the rows of one layer answered, whatever becomes of the shards: by another copy where one fails, is busy, late or
// doubted, and down the ladder where the caller allows it. Knows rows of floats; no tokens, no sockets.
import { setTimeout as delay } from 'node:timers/promises';
import { RpcError, type RpcErrorCode, toRpcError } from '../rpc/errors.ts';
import { type Audit, audited } from './audit.ts';
import type { DispatchOptions } from './dispatch.ts';
import { type Frame, group } from './group.ts';
import { type CallInHand, hedged, steppedDown } from './hedge.ts';
import { bestCopies, rungLevel } from './ladder.ts';
import { joined, type Outcome, type Piece } from './outcome.ts';
import { Owners } from './owners.ts';
import type { Shard } from './shard.ts';

/** One way of getting slots answered. */
interface Attempt {
  /** Shards that have failed it, and how. */
  avoided: ReadonlyMap<Shard, RpcError>;
  /**
   * Shards that are still at the same slots. Where there are any, an answer may yet come: nothing worse is taken meanwhile,
   * and the assignment is left alone.
   */
  beside: ReadonlySet<Shard>;
  /** Two shards have failed the frame that these slots were in: one of its rows may be to blame, and each is asked for alone. */
  alone?: boolean;
  signal: AbortSignal;
}

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
    const { signal } = attempt;
    if (fleet.replicated && this.#hasOther(frame, shard, attempt, 0)) {
      const isFirst = attempt.beside.size === 0;
      if (isFirst && fleet.random() < fleet.policy.auditShare) {
        return await audited(this.#inHand(frame, shard, attempt), this.#audit(signal));
      }
      fleet.hedges.earn();
      return await hedged(this.#inHand(frame, shard, attempt));
    }
    if (this.#canStepDown(frame, shard, attempt)) {
      return await steppedDown(this.#inHand(frame, shard, attempt));
    }
    return await this.#settled(frame, shard, await this.#call(frame, shard, signal), attempt);
  }

  #inHand(frame: Frame, shard: Shard, attempt: Attempt): CallInHand {
    const beside = new Set([...attempt.beside, shard]);
    return {
      fleet: this.#options.fleet,
      shard,
      bulk: frame.bulk,
      signal: attempt.signal,
      call: (signal) => this.#call(frame, shard, signal),
      judge: (result) => this.#judged(frame, shard, result, attempt),
      settle: (result) => this.#settled(frame, shard, result, attempt),
      elsewhere: (signal) => this.#attempt(new Set(frame.slots), { ...attempt, beside, signal }),
    };
  }

  #audit(signal: AbortSignal): Audit {
    const { layer, hidden, assignment } = this.#options;
    return {
      hidden,
      unitOf: (slot) => ({ layer, expert: assignment.experts[slot]! }),
      ask: async (shard, slot) => {
        const row = rowOf(slot, assignment.k);
        const asks = [0, assignment.experts[slot]!];
        const again: Frame = { owner: 0, bulk: false, rows: [row], asks, slots: [slot] };
        const result = await this.#call(again, shard, signal);
        return result instanceof RpcError ? undefined : result.rows;
      },
    };
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
    const outcome = this.#judged(frame, shard, result, attempt);
    if (!(result instanceof RpcError)) return outcome;
    const { avoided, signal, alone = false } = attempt;
    if (result.code === 'internal' && alone) return outcome;
    if (hasFailed(attempt) && result.code === 'internal' && frame.slots.length > 1) {
      const each = { ...attempt, avoided: new Map(), alone: true };
      return joined(await Promise.all(frame.slots.map((slot) => this.#attempt(new Set([slot]), each))));
    }
    const isOver = performance.now() >= this.#deadlineAt;
    if (isOver || signal.aborted || result.code === 'cancelled') return outcome;
    this.#options.fleet.calls.retried++;
    const others = { ...attempt, avoided: new Map([...avoided, [shard, result]]) };
    return await this.#attempt(new Set(frame.slots), others);
  }

  /** A shard that failed by its own fault is blamed for it; not a second one that fails the same. */
  #judged(frame: Frame, shard: Shard, result: Piece | RpcError, attempt: Attempt): Outcome {
    if (!(result instanceof RpcError)) return { pieces: [result], failed: new Map() };
    if (result.code === 'internal' && !hasFailed(attempt) && attempt.alone !== true) {
      const { layer } = this.#options;
      shard.suspect(
        result.message,
        expertsOf(frame).map((expert) => ({ layer, expert })),
      );
    }
    return { pieces: [], failed: new Map(frame.slots.map((slot) => [slot, result])) };
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

  /** All rows of the frame allow something that is not exact, and there is such. */
  #canStepDown(frame: Frame, shard: Shard, attempt: Attempt): boolean {
    if (this.#options.ladder === undefined) return false;
    const level = Math.min(...frame.rows.map((row) => this.#allowed(row, attempt)));
    return level >= nextBest || (level > 0 && this.#hasOther(frame, shard, attempt, level));
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

/** Some shard has failed the very same by its own fault, or that of a row. */
function hasFailed({ avoided }: Attempt): boolean {
  return [...avoided.values()].some(({ code }) => code === 'internal');
}

function expertsOf({ asks }: Frame): number[] {
  return [...new Set(asks.filter((_, i) => i % 2 === 1))];
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
