// Finds stop strings in text that arrives in pieces. Text that may become part of a stop string is held back.

export interface StopOutput {
  /** Text that is certain to be part of the answer. */
  text: string;
  /** A stop string was found. The answer ends with `text`. */
  stopped: boolean;
  /** The stop string that was found, if one was. */
  stop?: string;
}

/** A stop string with its failure function (Knuth, Morris and Pratt 1977). All choices of a request share it. */
export interface StopString {
  readonly text: string;
  /** `[text.length]`. Entry i: of the first i + 1 code units, the length of the longest proper suffix that is also a prefix. */
  readonly borders: Int32Array;
}

export function stopString(text: string): StopString {
  const borders = new Int32Array(text.length);
  for (let i = 1; i < text.length; i++)
    borders[i] = extended(text, borders, borders[i - 1] ?? 0, text.charCodeAt(i));
  return { text, borders };
}

/**
 * One step of the search, which appends the code unit `unit` to the searched text. Before the step, the searched text ended with
 * the first `length` code units of the stop string `text`. Returns the largest such length after the step.
 */
function extended(text: string, borders: Int32Array, length: number, unit: number): number {
  let kept = length;
  while (kept > 0 && text.charCodeAt(kept) !== unit) kept = borders[kept - 1] ?? 0;
  return text.charCodeAt(kept) === unit ? kept + 1 : kept;
}

interface Match {
  /** Number of code units of the whole text before the match. */
  start: number;
  stop: string;
}

/**
 * Cuts the text at the match that starts first. The result does not depend on how the text is split into pieces. A match is held
 * while a stop string that began before it may still be completed: with the stop strings "c" and "bcd", the match of "c" in "abc"
 * is held. Takes time proportional to the length of the text times the number of stop strings.
 */
export class StopBuffer {
  readonly #stops: readonly StopString[];
  readonly #include: boolean;
  /** `[stops.length]`: for each stop string, the length of its longest prefix with which the text so far ends. */
  readonly #matched: Int32Array;
  #held = '';
  /** Numbers of code units of the whole text that have been released, and that have been read. */
  #released = 0;
  #read = 0;
  /** Of the matches so far, the one that starts first. */
  #match: Match | undefined;

  /** `include` keeps the stop string at the end of the answer. Default false. */
  constructor(stops: readonly StopString[], { include = false }: { include?: boolean } = {}) {
    this.#stops = stops;
    this.#include = include;
    this.#matched = new Int32Array(stops.length);
  }

  push(text: string): StopOutput {
    this.#held += text;
    for (let i = 0; i < text.length; i++) {
      this.#advance(text.charCodeAt(i));
      if (this.#match !== undefined && this.#match.start <= this.#opening) return this.#stopAt(this.#match);
    }
    return this.#release(this.#opening, false);
  }

  /** Releases incomplete stop strings as ordinary text, because no more text comes. */
  end(): StopOutput {
    return this.#match === undefined ? this.#release(this.#read, false) : this.#stopAt(this.#match);
  }

  #advance(unit: number): void {
    this.#read++;
    for (const [i, { text, borders }] of this.#stops.entries()) {
      let length = extended(text, borders, this.#matched[i] ?? 0, unit);
      if (length === text.length) {
        const start = this.#read - length;
        // If two matches start at the same place, the one that was found first stays. It is shorter.
        if (start < (this.#match?.start ?? Number.POSITIVE_INFINITY)) this.#match = { start, stop: text };
        length = borders[length - 1] ?? 0;
      }
      this.#matched[i] = length;
    }
  }

  /** Number of code units of the whole text before the first place at which an incomplete stop string may begin. */
  get #opening(): number {
    return this.#read - this.#matched.reduce((longest, length) => Math.max(longest, length), 0);
  }

  #stopAt({ start, stop }: Match): StopOutput {
    return { ...this.#release(this.#include ? start + stop.length : start, true), stop };
  }

  /** Releases the held text up to `until`, which counts code units of the whole text. */
  #release(until: number, stopped: boolean): StopOutput {
    const length = until - this.#released;
    const text = this.#held.slice(0, length);
    this.#held = stopped ? '' : this.#held.slice(length);
    this.#released = until;
    return { text, stopped };
  }
}
