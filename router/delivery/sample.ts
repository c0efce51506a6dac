// A share of the calls, drawn by chance, for something that only some of them can take. Pure.
//
// By chance and not every thousandth, because the calls of a step come in the same order again and again.

export interface SampleOptions {
  /** Of the calls; 1 draws every one. */
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

  /** Whether this call is wanted. One that is drawn and cannot be taken is made up for by the next that can. */
  draw(): boolean {
    const { share, random } = this.#options;
    if (random() < share) this.#owed = true;
    return this.#owed;
  }

  /** The call that was drawn could be taken. */
  take(): void {
    this.#owed = false;
  }
}
