// Connections whose peer has not proven itself yet: a few at a time, whatever else is open. Knows no sockets and no proofs.
//
// The oldest gives way: who can prove itself does so within a few round trips, so those that have been here longest are the
// least likely to.

export class Strangers {
  readonly #most: number;
  /** How each is cut; oldest first. */
  readonly #cuts = new Set<() => void>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Returns a function that says it is none any more: proven or gone. `cut` is called where it has to go before. */
  add(cut: () => void): () => void {
    const [oldest] = this.#cuts;
    if (this.#cuts.size >= this.#most && oldest !== undefined) {
      this.#cuts.delete(oldest);
      oldest();
    }
    this.#cuts.add(cut);
    return () => this.#cuts.delete(cut);
  }
}
