// Which shard each expert of one layer goes to, decided once, so that an expert's rows stay together and shards that are
// asked anyway are asked for more. Knows copies and costs; no rows.
import { choose } from './choice.ts';
import { bestCopies, type Copies, rungLevel } from './delivery/ladder.ts';
import type { Shard } from './shards/shard.ts';

export interface OwnersOptions {
  copies: (expert: number) => Copies<Shard>;
  usable: (shard: Shard) => boolean;
  /** In [0, 1). */
  random: () => number;
}

interface Owner {
  index: number;
  /** Of the ladder: 0 is an exact copy. */
  level: number;
}

const lastCopy = rungLevel('standby');

export class Owners {
  readonly #options: OwnersOptions;
  /** By expert and what its row allows. */
  readonly #known = new Map<number, Owner | undefined>();
  readonly #shards: Shard[] = [];

  constructor(options: OwnersOptions) {
    this.#options = options;
  }

  /** The owner for a row that allows `level` of the ladder; undefined where no copy is left. */
  of(expert: number, level: number): Owner | undefined {
    const allowed = Math.min(level, lastCopy);
    const key = expert * (lastCopy + 1) + allowed;
    if (this.#known.has(key)) return this.#known.get(key);
    const owner = this.#find(expert, allowed);
    this.#known.set(key, owner);
    return owner;
  }

  at(index: number): Shard {
    return this.#shards[index]!;
  }

  #find(expert: number, allowed: number): Owner | undefined {
    const { copies, usable, random } = this.#options;
    const held = copies(expert);
    // Where something else may stand in, nobody waits again and again for a shard that does not answer.
    const answering = (each: Shard) => usable(each) && !each.silent;
    const best =
      (allowed > 0 ? bestCopies(held, allowed, answering) : undefined) ?? bestCopies(held, allowed, usable);
    const shard = best && choose(best.copies, this.#shards, random);
    if (best === undefined || shard === undefined) return undefined;
    const known = this.#shards.indexOf(shard);
    return { index: known >= 0 ? known : this.#shards.push(shard) - 1, level: best.level };
  }
}
