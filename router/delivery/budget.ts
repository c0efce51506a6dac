// Limits extra calls to a share of all calls: a budget for hedges, and a random sample for audits. Pure.

/** Largest number of saved extra calls. While so many are saved, calls earn nothing. */
const MOST_SAVED = 20;

/** Every call earns a share of one extra call. */
export class Budget {
  readonly #share: number;
  #saved: number;

  /** `share`: extra calls that each call earns, 0 to 1; 0 allows none. If it is above 0, the budget starts with one extra call. */
  constructor(share: number) {
    this.#share = share;
    this.#saved = share > 0 ? 1 : 0;
  }

  /** To be called for each call. */
  earn(): void {
    this.#saved = Math.min(MOST_SAVED, this.#saved + this.#share);
  }

  /** Pays for one extra call. Returns false, and pays nothing, if less than one is saved. */
  spend(): boolean {
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}

/** Draws calls at random. A fixed interval might always hit the same layer, because every step has the same order of calls. */
export class Sample {
  readonly #share: number;
  readonly #random: () => number;
  #owed = false;

  /** `share`: share of the calls that are drawn, 0 to 1. `random` returns numbers in [0, 1). */
  constructor(share: number, random: () => number) {
    this.#share = share;
    this.#random = random;
  }

  /** Whether this call is drawn. After a call was drawn, every call is drawn until `take` is called. */
  draw(): boolean {
    if (this.#random() < this.#share) this.#owed = true;
    return this.#owed;
  }

  /** To be called when a drawn call is audited. */
  take(): void {
    this.#owed = false;
  }
}
