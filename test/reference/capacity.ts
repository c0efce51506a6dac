// Expert capacity: of a prompt's rows, an expert of a layer takes only the first few. Source: M6-T (arXiv 2105.15082).

/** Of the first `tokens` rows, each expert of a layer takes `ceil(tokens * k / experts * factor)`. */
export interface Capacity {
  factor: number;
  tokens: number;
}

export class Takers {
  /** Rows that experts did not take. */
  dropped = 0;
  readonly #capacity: Capacity | undefined;

  constructor(capacity: Capacity | undefined) {
    this.#capacity = capacity;
  }

  /** Whether an expert takes the row of a position. To be called once for each row and expert of one layer, in order. */
  ofLayer(k: number, experts: number): (position: number, expert: number) => boolean {
    const asked = new Array<number>(experts).fill(0);
    return (position, expert) => {
      if (this.#capacity === undefined || position >= this.#capacity.tokens) return true;
      const { factor, tokens } = this.#capacity;
      asked[expert] = (asked[expert] ?? 0) + 1;
      const isTaken = asked[expert] <= Math.ceil(((tokens * k) / experts) * factor);
      if (!isTaken) this.dropped++;
      return isTaken;
    };
  }
}
