// A budget of extra calls: every call earns a share of one, up to a limit. Pure.

/** Extra calls that can be saved up for a bad moment. */
const MOST_SAVED = 20;

export class Budget {
  readonly #share: number;
  #saved: number;

  /** `share`: extra calls per call, 0 to 1; 0 allows none. Begins with one extra call. */
  constructor(share: number) {
    this.#share = share;
    this.#saved = share > 0 ? 1 : 0;
  }

  /** A call was made. */
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
