// Limits how many shards are dialled (connected to) at a time, so that a shard that is up never waits behind many that are down.

/** A shard whose last attempt to connect did not fail is dialled only while fewer attempts than this are under way. */
const FIRST_AT_ONCE = 256;
/** A shard whose last attempt to connect has failed is dialled only while fewer attempts than this are under way. */
const AGAIN_AT_ONCE = 32;
/** While shards are down, the average time between two attempts, over all these shards, is at least this. */
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

  /**
   * Resolves when the attempt may start. The result is a function that must be called when the attempt has ended. Shards with
   * fewer failed attempts come first.
   */
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

  /** Records whether the last attempt reached `shard`. */
  note(shard: object, reached: boolean): void {
    if (reached) this.#failing.delete(shard);
    else this.#failing.add(shard);
  }

  /** Longest wait before a shard that is down is tried again: 20 ms times the number of shards that are down. */
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
