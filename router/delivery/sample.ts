// Draws a share of the calls at random, for audits. Pure.
//
// Every thousandth call would not do, because the calls of each step come in the same order.

export interface SampleOptions {
  /** Share of the calls that are drawn, 0 to 1. */
  share: number;
  /** In [0, 1). */
  random: () => number;
}

export class Sample {
  readonly #options: SampleOptions;
  #owed = false;

  constructor(options: SampleOptions) {
    this.#options = options;
  }

  /** Whether this call is drawn. After a call was drawn, every call is drawn until `take` is called. */
  draw(): boolean {
    const { share, random } = this.#options;
    if (random() < share) this.#owed = true;
    return this.#owed;
  }

  /** To be called when a drawn call is used. */
  take(): void {
    this.#owed = false;
  }
}
