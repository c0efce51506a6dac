// A share of calls that may be spent on something extra, saved up to a bound. Pure.

/** What may be saved for a bad moment. */
const most = 20;

export class Budget {
  readonly #share: number;
  #saved: number;

  /** `share` of the calls; 0 allows none. */
  constructor(share: number) {
    this.#share = share;
    this.#saved = share > 0 ? 1 : 0;
  }

  /** A call was made. */
  earn(): void {
    this.#saved = Math.min(most, this.#saved + this.#share);
  }

  /** Takes one, if there is one. */
  spend(): boolean {
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}
