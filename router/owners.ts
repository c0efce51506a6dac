// Chooses the shard for each expert of one layer, and cuts the frames. All rows of an expert go to one shard, unless they allow
// different levels of the ladder. Shards that get a frame anyway are preferred. Sends nothing.
import { choose } from './choice.ts';
import { bestReplicas, rungLevel } from './delivery/ladder.ts';
import { type Attempt, allowedLevel, type DispatchOptions, type Ledger, mayAsk } from './delivery/ledger.ts';
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
  readonly #step: DispatchOptions;
  readonly #attempt: Attempt;
  /** Owners found so far, by expert and by the level that a row allows. */
  readonly #known = new Map<number, Owner | undefined>();
  readonly #shards: Shard[] = [];
  /** By number of the shard: the owner that answers exactly. */
  readonly #exact: Owner[] = [];

  constructor(step: DispatchOptions, attempt: Attempt) {
    this.#step = step;
    this.#attempt = attempt;
  }

  /** The owner for a row that allows `level` of the ladder; undefined if no replica is left. */
  of(expert: number, level: number): Owner | undefined {
    const { exact } = this.#step.fleet.replicas(this.#step.layer, expert);
    // The common case needs neither a choice nor a memory.
    const only = exact.length === 1 ? exact[0]! : undefined;
    if (only !== undefined && (level === 0 || !only.silent) && mayAsk(only, this.#attempt)) {
      return this.#exact[this.#indexOf(only)]!;
    }
    const allowed = Math.min(level, lastReplica);
    const key = expert * (lastReplica + 1) + allowed;
    const known = this.#known.get(key);
    if (known !== undefined || this.#known.has(key)) return known;
    const owner = this.#find(expert, allowed);
    this.#known.set(key, owner);
    return owner;
  }

  at(index: number): Shard {
    return this.#shards[index]!;
  }

  #find(expert: number, allowed: number): Owner | undefined {
    const { fleet, layer } = this.#step;
    const held = fleet.replicas(layer, expert);
    const usable = (each: Shard) => mayAsk(each, this.#attempt);
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
  const owners = new Owners(ledger.step, attempt);
  const { frames, unserved } = group({
    assignment,
    ownerOf: (expert, row) => owners.of(expert, allowedLevel(ledger, row, attempt))?.index,
    limitsOf: (owner) => owners.at(owner).limits,
    mask,
    prefill,
    only: slots && new Set(slots),
  });
  return { frames, owners, unserved };
}
