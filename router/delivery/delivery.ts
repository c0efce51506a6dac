// Gets the rows of one layer answered, whatever becomes of the shards: by another copy where one fails, is busy, late or
// doubted, and down the ladder where the caller allows it. Knows rows of floats; no tokens, no sockets.
import { RpcError, toRpcError } from '../../rpc/errors.ts';
import { choose } from '../choice.ts';
import type { DispatchOptions } from '../dispatch.ts';
import { type Frame, group } from '../group.ts';
import { Owners } from '../owners.ts';
import type { Shard } from '../shards/shard.ts';
import { type Attempt, allowedLevel, hasFailed, mayAsk } from './attempt.ts';
import { type Audit, audited } from './audit.ts';
import { type CallInHand, hedged, steppedDown } from './hedge.ts';
import { bestCopies } from './ladder.ts';
import { joined, type Outcome, type Piece } from './outcome.ts';
import { nextBest, StandIn } from './stand-in.ts';

export class Delivery {
  /** By slot, the level of the ladder that stood in. */
  readonly degraded = new Map<number, number>();
  readonly #options: DispatchOptions;
  readonly #deadlineAt: number;
  readonly #standIn: StandIn;

  constructor(options: DispatchOptions) {
    this.#options = options;
    this.#deadlineAt = performance.now() + options.deadlineMs;
    this.#standIn = new StandIn({
      step: options,
      deadlineAt: this.#deadlineAt,
      degraded: this.degraded,
      again: (slots, attempt) => this.#attempt(slots, attempt),
    });
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
      parts.push(this.#standIn.deliver(slots, owners, attempt));
    }
    return parts.length === 1 ? await parts[0]! : joined(await Promise.all(parts));
  }

  #ownersFor(attempt: Attempt): Owners {
    const { fleet, layer } = this.#options;
    return new Owners({
      copies: (expert) => fleet.copies(layer, expert),
      usable: (shard) => mayAsk(shard, attempt),
      random: fleet.random,
    });
  }

  /** The level of the ladder that the row allows. */
  #allowed(row: number, attempt: Attempt): number {
    return allowedLevel(row, attempt, this.#options.ladder);
  }

  async #send(frame: Frame, shard: Shard, attempt: Attempt): Promise<Outcome> {
    const { fleet } = this.#options;
    const isFirst = attempt.beside.size === 0;
    const isDrawn = isFirst && fleet.replicated && fleet.audits.draw();
    const doubted = isDrawn ? this.#doubtedOf(frame, shard, attempt) : [];
    const delivered = this.#ask(frame, shard, attempt);
    if (doubted.length === 0) return await delivered;
    fleet.audits.take();
    return await audited(delivered, this.#audit(doubted, frame, shard, attempt));
  }

  /** Waits for the shard's answer as long as something else may be better, then sees to that. */
  async #ask(frame: Frame, shard: Shard, attempt: Attempt): Promise<Outcome> {
    const { fleet } = this.#options;
    if (fleet.replicated && this.#hasOther(frame, shard, attempt, 0)) {
      fleet.hedges.earn();
      return await hedged(this.#inHand(frame, shard, attempt));
    }
    if (this.#canStepDown(frame, shard, attempt)) {
      return await steppedDown(this.#inHand(frame, shard, attempt));
    }
    return await this.#settled(frame, shard, await this.#call(frame, shard, attempt.signal), attempt);
  }

  /**
   * The slots for which others are asked too: those that have a second exact copy, where every answer is to be confirmed; of a
   * sample those of one other shard, drawn. Few frames have second copies of all their rows while some shard is away.
   */
  #doubtedOf({ slots }: Frame, shard: Shard, attempt: Attempt): number[] {
    const { fleet, layer, assignment } = this.#options;
    const { random, policy } = fleet;
    const othersOf = (slot: number) =>
      fleet
        .copies(layer, assignment.experts[slot]!)
        .exact.filter((other) => other !== shard && mayAsk(other, attempt));
    const held = slots.filter((slot) => !this.degraded.has(slot) && othersOf(slot).length > 0);
    if (policy.auditShare >= 1 || held.length === 0) return held;
    const drawn = held.length > 1 ? Math.floor(random() * held.length) : 0;
    const other = choose(othersOf(held[drawn]!), [], random);
    return held.filter((slot) => othersOf(slot).some((each) => each === other));
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

  #audit(doubted: readonly number[], { bulk }: Frame, shard: Shard, attempt: Attempt): Audit {
    const { fleet, layer, hidden, assignment } = this.#options;
    const beside = new Set([...attempt.beside, shard]);
    return {
      fleet,
      bulk,
      signal: attempt.signal,
      hidden,
      opinion: (signal) => this.#attempt(new Set(doubted), { ...attempt, beside, signal }),
      isExact: (slot) => !this.degraded.has(slot),
      unitOf: (slot) => ({ layer, expert: assignment.experts[slot]! }),
      asker: (slot) => {
        const asks = [0, assignment.experts[slot]!];
        const again: Frame = {
          owner: 0,
          bulk: false,
          rows: [rowOf(slot, assignment.k)],
          asks,
          slots: [slot],
        };
        const x = this.#rowsOf(again).slice(); // the step goes on meanwhile, and its rows change
        return async (shard, signal) => {
          const result = await this.#call(again, shard, signal, x);
          return result instanceof RpcError ? undefined : result.rows;
        };
      },
      without: (liar, slots) => {
        const error = new RpcError('unavailable', `shard ${liar.address} has answered wrongly`);
        return this.#again(liar, error, slots, attempt);
      },
    };
  }

  /** Its answer to `x [frame.rows, hidden]`, or what came instead. */
  async #call(
    frame: Frame,
    shard: Shard,
    signal: AbortSignal,
    x = this.#rowsOf(frame),
  ): Promise<Piece | RpcError> {
    const { fleet, model, layer, trace = '' } = this.#options;
    const { bulk, asks, slots } = frame;
    try {
      const answer = await shard.run(
        {
          model,
          layer,
          priority: bulk ? 1 : 0,
          trace,
          epoch: fleet.epoch,
          rows: x,
          asks: Uint16Array.from(asks),
        },
        { deadlineMs: this.#deadlineAt - performance.now(), bulk, signal },
      );
      return { shard, slots, rows: answer.rows };
    } catch (cause) {
      return toRpcError(cause);
    }
  }

  #rowsOf({ rows }: Frame): Float32Array {
    const { x, hidden } = this.#options;
    return rows.length * hidden === x.length ? x : gather(x, rows, hidden);
  }

  /** What a call's end means: its answer, or another attempt elsewhere. */
  async #settled(frame: Frame, shard: Shard, result: Piece | RpcError, attempt: Attempt): Promise<Outcome> {
    const outcome = this.#judged(frame, shard, result, attempt);
    if (!(result instanceof RpcError)) return outcome;
    const { signal, alone = false } = attempt;
    if (result.code === 'internal' && alone) return outcome;
    if (hasFailed(attempt) && result.code === 'internal' && frame.slots.length > 1) {
      const each = { ...attempt, avoided: new Map(), alone: true };
      return joined(await Promise.all(frame.slots.map((slot) => this.#attempt(new Set([slot]), each))));
    }
    const isOver = performance.now() >= this.#deadlineAt;
    if (isOver || signal.aborted || result.code === 'cancelled') return outcome;
    return await this.#again(shard, result, frame.slots, attempt);
  }

  /** The slots by others than the shard, which has failed them. */
  #again(shard: Shard, error: RpcError, slots: readonly number[], attempt: Attempt): Promise<Outcome> {
    this.#options.fleet.calls.retried++;
    const avoided = new Map([...attempt.avoided, [shard, error] as const]);
    return this.#attempt(new Set(slots), { ...attempt, avoided });
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

  /** Every expert of the frame has a copy elsewhere, on this level of the ladder at worst. */
  #hasOther({ asks }: Frame, shard: Shard, attempt: Attempt, level: number): boolean {
    const { fleet, layer } = this.#options;
    const isOther = (other: Shard) => other !== shard && mayAsk(other, attempt);
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
