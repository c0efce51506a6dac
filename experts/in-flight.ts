// Counts calls in flight, and waits until all calls that are in flight at one moment have ended.

/** Counts of `expert.run` calls. */
export interface CallCounts {
  /** Calls answered without an error since the process started. */
  answered: number;
  /** Calls that have arrived and are not yet answered. */
  inFlight: number;
}

export class InFlight {
  #next = 0;
  /** Tickets of the calls in flight, in ascending order: the first is the oldest call. */
  readonly #open = new Set<number>();
  #waiting: { before: number; resolve: () => void }[] = [];

  get count(): number {
    return this.#open.size;
  }

  /** Returns a ticket, which must be passed to `end`. */
  begin(): number {
    const ticket = this.#next++;
    this.#open.add(ticket);
    return ticket;
  }

  end(ticket: number): void {
    this.#open.delete(ticket);
    if (this.#waiting.length === 0) return;
    const [oldest = Number.POSITIVE_INFINITY] = this.#open;
    const over = this.#waiting.filter(({ before }) => before <= oldest);
    this.#waiting = this.#waiting.filter(({ before }) => before > oldest);
    for (const { resolve } of over) resolve();
  }

  /** Resolves when every call that is in flight now has ended, even if new calls begin meanwhile. */
  ended(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#open.size === 0) resolve();
      else this.#waiting.push({ before: this.#next, resolve });
    });
  }
}
