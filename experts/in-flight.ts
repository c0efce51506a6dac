// Calls under way: how many, and when those of a certain moment have ended. Knows no calls, only that they begin and end.

/** Calls of `expert.run`. */
export interface CallCounts {
  /** Answered well since the start. */
  answered: number;
  /** Taken and not yet answered. */
  inFlight: number;
}

export class InFlight {
  #next = 0;
  /** Tickets of the calls under way; they ascend, so the first is the oldest. */
  readonly #open = new Set<number>();
  #waiting: { before: number; resolve: () => void }[] = [];

  get count(): number {
    return this.#open.size;
  }

  /** A ticket for `end`. */
  begin(): number {
    const ticket = this.#next++;
    this.#open.add(ticket);
    return ticket;
  }

  end(ticket: number): void {
    this.#open.delete(ticket);
    if (this.#waiting.length === 0) return;
    const oldest = this.#oldest();
    const over = this.#waiting.filter(({ before }) => before <= oldest);
    this.#waiting = this.#waiting.filter(({ before }) => before > oldest);
    for (const { resolve } of over) resolve();
  }

  /** Resolves once every call that is under way now has ended, whatever begins meanwhile. */
  ended(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#open.size === 0) resolve();
      else this.#waiting.push({ before: this.#next, resolve });
    });
  }

  #oldest(): number {
    for (const ticket of this.#open) return ticket;
    return Number.POSITIVE_INFINITY;
  }
}
