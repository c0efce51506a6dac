// Limits the connections whose peer is not authenticated yet. If there are too many, the oldest is closed. An honest peer
// authenticates within a few round trips, so the oldest is the least likely to be honest.

export class Strangers {
  readonly #most: number;
  /** For each connection, the function that closes it; oldest first. */
  readonly #cuts = new Set<() => void>();

  constructor(most: number) {
    this.#most = most;
  }

  /** `cut` must close the connection. Returns a function to call when the peer is authenticated or gone. */
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
