// Limits how many continuations begin at one gateway in a second, because each of them computes a whole prompt again. Pure.

/** Continuations that may begin at one gateway within a second. */
export const MOST_PER_SECOND = 16;
const WINDOW_MS = 1_000;

/** Gives out start times in the order of the calls. */
export class Pace {
  /** The last start times, oldest first. */
  readonly #starts: number[] = [];

  /** How long a continuation that is ready at `now` would wait for its turn. */
  waitAt(now: number): number {
    const before = this.#starts[this.#starts.length - MOST_PER_SECOND];
    return before === undefined ? 0 : Math.max(0, before + WINDOW_MS - now);
  }

  /** Takes the next turn, and returns the wait for it. */
  take(now: number): number {
    const waitMs = this.waitAt(now);
    this.#starts.push(now + waitMs);
    if (this.#starts.length > MOST_PER_SECOND) this.#starts.shift();
    return waitMs;
  }
}
