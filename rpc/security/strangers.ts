// Connections whose peer is not authenticated yet: a few at a time, whatever else is open. Knows no sockets and no credentials.
//
// The oldest makes room. An honest peer authenticates within a few round trips, so those that have been here longest are the
// least likely to.

export class Strangers {
  readonly #most: number;
  /** Each cuts one connection; oldest first. */
  readonly #cuts = new Set<() => void>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Returns a function to call when the peer is authenticated or gone. `cut` is called if it has to make room before. */
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
