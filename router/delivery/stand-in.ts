// What becomes of rows whose expert no shard may be asked for at the moment: the next best expert, none, a wait for a copy,
// or the end. Knows no frames and no sockets.
import { setTimeout as delay } from 'node:timers/promises';
import { RpcError, type RpcErrorCode } from '../../rpc/errors.ts';
import type { DispatchOptions } from '../dispatch.ts';
import type { Owners } from '../owners.ts';
import type { Unit } from '../shards/units.ts';
import { type Attempt, allowedLevel } from './attempt.ts';
import { bestCopies, rungLevel } from './ladder.ts';
import { joined, type Outcome } from './outcome.ts';

export interface StandInOptions {
  step: DispatchOptions;
  /** On the clock of `performance.now()`. */
  deadlineAt: number;
  /** By slot, the level of the ladder that stood in; added to. */
  degraded: Map<number, number>;
  /** The slots are asked for again. */
  again: (slots: ReadonlySet<number>, attempt: Attempt) => Promise<Outcome>;
}

/** After these another copy, or the same one a little later, may do. */
const passing: ReadonlySet<RpcErrorCode> = new Set(['unavailable', 'draining', 'not_held', 'busy']);
const busyMs = 100;
/** A hint of 0 must not become a loop. */
const leastBusyMs = 5;
/** Between two looks for a copy that has come back. */
const lookMs = 10;
export const nextBest = rungLevel('next_best');
const passThrough = rungLevel('pass_through');

/** No shard can be asked for the expert. */
export class NoHolder extends RpcError {
  constructor({ layer, expert }: Unit, cause: RpcError | undefined) {
    super('unavailable', `no connected shard holds expert ${expert} of layer ${layer}`, { cause });
  }
}

export class StandIn {
  readonly #options: StandInOptions;
  /** When waiting for a copy to come back ends. */
  #patienceAt: number | undefined;

  constructor(options: StandInOptions) {
    this.#options = options;
  }

  /** `slots` are of rows with a slot that `owners` has no shard for. */
  async deliver(slots: readonly number[], owners: Owners, attempt: Attempt): Promise<Outcome> {
    const { step, degraded, again } = this.#options;
    const { assignment, ladder } = step;
    const waiting: number[] = [];
    const served = new Set<number>();
    for (const slot of slots) {
      const allowed = allowedLevel(Math.floor(slot / assignment.k), attempt, ladder);
      if (allowed < nextBest) waiting.push(slot);
      // The other experts of the row are asked as they are.
      else if (owners.of(assignment.experts[slot]!, allowed) !== undefined) served.add(slot);
      else if (this.#replaceExpert(slot, owners, allowed)) served.add(slot);
      else if (allowed >= passThrough) degraded.set(slot, passThrough);
      else waiting.push(slot);
    }
    const parts: Promise<Outcome>[] = [];
    if (served.size > 0) parts.push(again(served, attempt));
    if (waiting.length > 0) parts.push(this.#waitFor(waiting, attempt));
    return joined(await Promise.all(parts));
  }

  /** Gives the slot the best expert that has a copy and that its row does not have yet. */
  #replaceExpert(slot: number, owners: Owners, allowed: number): boolean {
    const { step, degraded } = this.#options;
    const { k, experts, weights } = step.assignment;
    const row = Math.floor(slot / k);
    const taken = experts.subarray(row * k, (row + 1) * k);
    const next = step
      .ranked?.(row)
      .find(({ expert }) => !taken.includes(expert) && owners.of(expert, allowed) !== undefined);
    if (next === undefined) return false;
    experts[slot] = next.expert;
    weights[slot] = next.weight;
    degraded.set(slot, nextBest);
    return true;
  }

  /** A shard that is busy will be free, one that is away may come back: waits as long as is worthwhile, then tries again. */
  async #waitFor(slots: readonly number[], attempt: Attempt): Promise<Outcome> {
    const { deadlineAt, again } = this.#options;
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
      const hint = Math.min(...busy.map(({ retryAfterMs = busyMs }) => retryAfterMs));
      const ms = Math.max(leastBusyMs, hint);
      if (now + ms >= deadlineAt) return end();
      await pause(ms, signal);
    } else {
      const until = this.#patienceEnds(now, attempt);
      if (now >= until) return end();
      await pause(Math.min(lookMs, until - now), signal);
      await this.#untilBack(slots, attempt, until);
    }
    if (signal.aborted || performance.now() >= deadlineAt) return end();
    return await again(new Set(slots), { ...attempt, avoided: new Map() });
  }

  /** While another shard is at the slots, there is no hurry. */
  #patienceEnds(now: number, { beside }: Attempt): number {
    const { step, deadlineAt } = this.#options;
    if (beside.size > 0) return deadlineAt;
    this.#patienceAt ??= Math.min(now + step.fleet.policy.patienceMs, deadlineAt);
    return this.#patienceAt;
  }

  /** Until some row could be answered. */
  async #untilBack(slots: readonly number[], attempt: Attempt, until: number): Promise<void> {
    const { fleet, layer, assignment, ladder } = this.#options.step;
    const rows = [...Map.groupBy(slots, (slot) => Math.floor(slot / assignment.k))];
    const isBack = () =>
      rows.some(([row, ofRow]) =>
        ofRow.every((slot) => {
          const copies = fleet.copies(layer, assignment.experts[slot]!);
          const allowed = allowedLevel(row, attempt, ladder);
          return bestCopies(copies, allowed, (shard) => !attempt.beside.has(shard));
        }),
      );
    await fleet.until(isBack, Math.max(0, until - performance.now()), attempt.signal);
  }

  #nobody(slot: number, cause: RpcError | undefined): RpcError {
    const { layer, assignment } = this.#options.step;
    return new NoHolder({ layer, expert: assignment.experts[slot]! }, cause);
  }
}

/** Ends early, without a word, when the signal is aborted: its owner looks. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => signal.aborted);
}
