// How many shards are dialled at a time, and in which order, so that a shard that is there never waits behind many that are not.

/** Most attempts at a time: for shards that have not failed since they were last connected, and for the others. */
const FIRST_AT_ONCE = 256;
const AGAIN_AT_ONCE = 32;
/** Least average pause between two attempts to reach shards that do not answer, over all of them. */
const APART_MS = 20;

interface Waiting {
  /** Attempts in a row that have failed. */
  failures: number;
  go: () => void;
}

export class Dials {
  #open = 0;
  readonly #waiting = new Set<Waiting>();
  readonly #failing = new Set<object>();

  /** Resolves when it is this attempt's turn, to a function that ends it. Of those that wait, the one with the fewest failures is next. */
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

  /** Notes whether the last attempt reached `shard`. */
  note(shard: object, reached: boolean): void {
    if (reached) this.#failing.delete(shard);
    else this.#failing.add(shard);
  }

  /** Longest wait before a shard that was not reached is tried again. The more such shards, the longer. */
  get longestMs(): number {
    return APART_MS * this.#failing.size;
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
  return failures === 0 ? FIRST_AT_ONCE : AGAIN_AT_ONCE;
}
