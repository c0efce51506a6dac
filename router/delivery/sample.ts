// Draws a share of the calls by chance, for audits. Pure.
//
// Every thousandth call would not do: the calls of a step come in the same order again and again.

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

  /** Whether this call is drawn. If one that is drawn cannot be used, the next ones are drawn until `take` is called. */
  draw(): boolean {
    const { share, random } = this.#options;
    if (random() < share) this.#owed = true;
    return this.#owed;
  }

  /** The call that was drawn is used. */
  take(): void {
    this.#owed = false;
  }
}
