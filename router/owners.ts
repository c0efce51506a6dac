// Chooses the shard for each expert of one layer, and cuts the frames. All rows of an expert go to one shard, unless they allow
// different levels of the ladder. Shards that get a frame anyway are preferred. Sends nothing.
import { choose } from './choice.ts';
import { bestReplicas, rungLevel } from './delivery/ladder.ts';
import { type Attempt, allowedLevel, type Ledger, mayAsk, mayBorrow } from './delivery/ledger.ts';
import { type Frame, group } from './group.ts';
import type { Shard } from './shards/shard.ts';

interface Owner {
  /** Number of the shard, for `Owners.at`. */
  index: number;
  /** Level of the shard's replica on the ladder; 0 is an exact replica. */
  level: number;
}

/** Highest level at which a replica of the expert itself answers. At higher levels, another expert or none stands in. */
const lastReplica = rungLevel('standby');

/** The shards chosen so far. */
export class Owners {
  readonly #ledger: Pick<Ledger, 'step'>;
  readonly #attempt: Attempt;
  /** Owners found so far, by expert and by what a row allows. */
  readonly #known = new Map<number, Owner | undefined>();
  readonly #shards: Shard[] = [];
  /** By number of the shard: the owner that answers exactly. */
  readonly #exact: Owner[] = [];

  constructor(ledger: Pick<Ledger, 'step'>, attempt: Attempt) {
    this.#ledger = ledger;
    this.#attempt = attempt;
  }

  /** The owner for a row of the step; undefined if no replica is left that the row allows. */
  forRow(expert: number, row: number): Owner | undefined {
    const { fleet, layer } = this.#ledger.step;
    const level = allowedLevel(this.#ledger, row, this.#attempt);
    const { exact } = fleet.replicas(layer, expert);
    // The common case needs neither a choice nor a memory.
    const only = exact.length === 1 ? exact[0]! : undefined;
    if (only?.isNear && (level === 0 || !only.silent) && mayAsk(only, this.#attempt)) {
      return this.#exact[this.#indexOf(only)]!;
    }
    const borrows = mayBorrow(this.#ledger, row, this.#attempt);
    const allowed = Math.min(level, lastReplica);
    const key = 2 * (expert * (lastReplica + 1) + allowed) + (borrows ? 1 : 0);
    const known = this.#known.get(key);
    if (known !== undefined || this.#known.has(key)) return known;
    const owner = this.#find(expert, allowed, borrows);
    this.#known.set(key, owner);
    return owner;
  }

  at(index: number): Shard {
    return this.#shards[index]!;
  }

  #find(expert: number, allowed: number, borrows: boolean): Owner | undefined {
    const { fleet, layer } = this.#ledger.step;
    const held = fleet.replicas(layer, expert);
    const usable = (each: Shard) => mayAsk(each, this.#attempt) && (each.isNear || borrows);
    // For a row that may step down the ladder, a silent shard is called only if no other is left: the call may get no answer.
    const answering = (each: Shard) => usable(each) && !each.silent;
    const best =
      (allowed > 0 ? bestReplicas(held, allowed, answering) : undefined) ??
      bestReplicas(held, allowed, usable);
    const shard = best && choose(best.replicas, this.#shards, fleet.random);
    if (best === undefined || shard === undefined) return undefined;
    const index = this.#indexOf(shard);
    return best.level === 0 ? this.#exact[index] : { index, level: best.level };
  }

  #indexOf(shard: Shard): number {
    const known = this.#shards.indexOf(shard);
    if (known >= 0) return known;
    const index = this.#shards.push(shard) - 1;
    this.#exact.push({ index, level: 0 });
    return index;
  }
}

export interface Plan {
  frames: Frame[];
  owners: Owners;
  /** All slots (row, rank) of each row in which some expert cannot be called. */
  unserved: number[];
}

/** The frames for `slots`; undefined: for all slots that take part. */
export function planFrames(
  ledger: Pick<Ledger, 'step'>,
  attempt: Attempt,
  slots: readonly number[] | undefined,
): Plan {
  const { assignment, mask, prefill } = ledger.step;
  const owners = new Owners(ledger, attempt);
  const { frames, unserved } = group({
    assignment,
    ownerOf: (expert, row) => owners.forRow(expert, row)?.index,
    limitsOf: (owner) => owners.at(owner).limits,
    mask,
    prefill,
    only: slots && new Set(slots),
  });
  return { frames, owners, unserved };
}
