// A budget of extra calls. Every call earns a share of one extra call, up to a limit. Pure.

/** Largest number of extra calls that can be saved up for a bad moment. */
const MOST_SAVED = 20;

export class Budget {
  readonly #share: number;
  #saved: number;

  /**
   * `share`: extra calls that each call earns, 0 to 1; 0 allows none. If it is above 0, one extra call is
   * saved at the start.
   */
  constructor(share: number) {
    this.#share = share;
    this.#saved = share > 0 ? 1 : 0;
  }

  /** Adds what one call earns. */
  earn(): void {
    this.#saved = Math.min(MOST_SAVED, this.#saved + this.#share);
  }

  /** Pays for one extra call; false if not enough is saved. */
  spend(): boolean {
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}
