// Finds stop strings in text that arrives in pieces and never lets a part of one out. Knows no tokens and no HTTP.

export interface StopOutput {
  /** Text that is certain to be part of the answer. */
  text: string;
  /** A stop string was found; the answer ends with `text`. */
  stopped: boolean;
  /** Which one; only where one was. */
  stop?: string;
}

/**
 * Cuts at the match that starts earliest (the whole text's smallest `indexOf`), whatever the pieces were. A complete
 * match waits while a longer stop string that began before it may still come true ("bcd" and "c" after "abc").
 */
export class StopBuffer {
  readonly #stops: readonly string[];
  readonly #include: boolean;
  #held = '';

  /** `include`: the stop string is the end of the answer instead of cut off. */
  constructor(stops: readonly string[], { include = false }: { include?: boolean } = {}) {
    this.#stops = stops;
    this.#include = include;
  }

  push(text: string): StopOutput {
    this.#held += text;
    const match = this.#earliestMatch();
    const open = this.#earliestOpening();
    if (match !== undefined && match <= open) return this.#stopAt(match);
    return this.#release(open, false);
  }

  /** No more text comes: openings that stayed unfinished were ordinary text. */
  end(): StopOutput {
    const match = this.#earliestMatch();
    return match === undefined ? this.#release(this.#held.length, false) : this.#stopAt(match);
  }

  /** Of several that begin at `match` the shortest was complete first. */
  #stopAt(match: number): StopOutput {
    const found = this.#stops.filter((stop) => this.#held.startsWith(stop, match));
    const stop = found.reduce((shortest, one) => (one.length < shortest.length ? one : shortest));
    return { ...this.#release(this.#include ? match + stop.length : match, true), stop };
  }

  #release(length: number, stopped: boolean): StopOutput {
    const text = this.#held.slice(0, length);
    this.#held = stopped ? '' : this.#held.slice(length);
    return { text, stopped };
  }

  #earliestMatch(): number | undefined {
    const found = this.#stops.map((stop) => this.#held.indexOf(stop)).filter((at) => at >= 0);
    return found.length === 0 ? undefined : Math.min(...found);
  }

  /** The first place from which the held text is the unfinished beginning of a stop string; its length if nowhere. */
  #earliestOpening(): number {
    const held = this.#held;
    const longest = Math.max(0, ...this.#stops.map((stop) => stop.length));
    for (let at = Math.max(0, held.length - longest + 1); at < held.length; at++) {
      const rest = held.slice(at);
      if (this.#stops.some((stop) => stop.startsWith(rest))) return at;
    }
    return held.length;
  }
}
