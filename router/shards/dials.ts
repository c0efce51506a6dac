// How many shards are dialled at a time, and in which order: one that may be there never waits behind many that are not. Knows
// no connections.

/** Attempts at a time of shards that were not tried yet or were there a moment ago, and of those that have failed before. */
const firstAtOnce = 256;
const againAtOnce = 32;
/** Attempts to reach shards that do not answer are this far apart, all of them together. Milliseconds. */
const apartMs = 20;

interface Waiting {
  /** Attempts in a row that have failed. */
  failures: number;
  go: () => void;
}

export class Dials {
  #open = 0;
  readonly #waiting = new Set<Waiting>();
  readonly #failing = new Set<object>();

  /** Resolves, to what ends it, when it is this attempt's turn: of those that wait, the one that has failed least. */
  async enter(failures: number): Promise<() => void> {
    if (this.#open >= limitOf(failures)) {
      await new Promise<void>((go) => {
        this.#waiting.add({ failures, go });
      });
    }
    this.#open++;
    return () => {
      this.#open--;
      this.#next();
    };
  }

  /** Whether `shard` could be reached the last time. */
  note(shard: object, reached: boolean): void {
    if (reached) this.#failing.delete(shard);
    else this.#failing.add(shard);
  }

  /** Longest time after which a shard that is not reached is tried again: with many of them, longer. Milliseconds. */
  get longestMs(): number {
    return apartMs * this.#failing.size;
  }

  #next(): void {
    let next: Waiting | undefined;
    for (const each of this.#waiting) if (next === undefined || each.failures < next.failures) next = each;
    if (next === undefined || this.#open >= limitOf(next.failures)) return;
    this.#waiting.delete(next);
    next.go();
  }
}

function limitOf(failures: number): number {
  return failures === 0 ? firstAtOnce : againAtOnce;
}
