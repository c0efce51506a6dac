// Which placement each connected gateway acts on, as they say, and so whether what an earlier one needed may go. Pure; time
// is given.

/** So long a later epoch than is followed holds back: who acts on one brings its placement at once. Milliseconds. */
const LATER_HOLDS = 5_000;

interface Said {
  epoch: number;
  /** Milliseconds, on the clock that the caller gives. */
  at: number;
}

export class Adoptions {
  readonly #by = new Map<object, Said>();
  /** 0: none; epochs begin at 1. */
  #followed = 0;
  /** Somebody has found the placement that is followed served whole. */
  #witnessed = false;

  /** The shard follows the placement of `epoch` from now on: what callers said of it before counts now. */
  follow(epoch: number): void {
    this.#followed = epoch;
    this.#witnessed = [...this.#by.values()].some((said) => said.epoch === epoch);
  }

  /** `caller` calls by the placement of `epoch` from now on, having found it served whole; 0: by none. */
  say(caller: object, epoch: number, now: number): void {
    this.#by.set(caller, { epoch, at: now });
    if (epoch === this.#followed) this.#witnessed = true;
  }

  knows(caller: object): boolean {
    return this.#by.has(caller);
  }

  /** It is connected no more. */
  leave(caller: object): void {
    this.#by.delete(caller);
  }

  /**
   * Somebody has found what is followed served whole, and nobody who is connected acts on an earlier placement. Nor, for a
   * while, on a later one: that may want here what this one does not, and is being brought. One that nobody brings may not
   * exist, or is none of this shard's: it keeps nothing here. A caller that never said what it acts on holds nothing back:
   * it is told what is held, and asks elsewhere.
   */
  reached(now: number): boolean {
    if (!this.#witnessed) return false;
    for (const { epoch, at } of this.#by.values()) {
      if (epoch < this.#followed) return false;
      if (epoch > this.#followed && now - at < LATER_HOLDS) return false;
    }
    return true;
  }
}
