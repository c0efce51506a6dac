// A budget of extra calls: every call earns a share of one extra call. Pure.

/** Largest number of saved extra calls; further calls earn nothing. */
const MOST_SAVED = 20;

export class Budget {
  readonly #share: number;
  #saved: number;

  /** `share`: extra calls that each call earns, 0 to 1; 0 allows none. Above 0, the budget starts with one extra call. */
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
