// Finds stop strings in text that arrives in pieces, and never releases a part of one.

export interface StopOutput {
  /** Text that is certain to be part of the answer. */
  text: string;
  /** A stop string was found, so the answer ends with `text`. */
  stopped: boolean;
  /** The stop string that was found, if one was. */
  stop?: string;
}

/** A stop string with its failure function (Knuth, Morris, Pratt 1977). All choices of a request can share it. */
export interface StopString {
  readonly text: string;
  /** `[length]`. Entry i is the length of the longest proper suffix of the first i + 1 code units that is also a prefix. */
  readonly borders: Int32Array;
}

export function stopString(text: string): StopString {
  const borders = new Int32Array(text.length);
  for (let i = 1; i < text.length; i++)
    borders[i] = extended(text, borders, borders[i - 1] ?? 0, text.charCodeAt(i));
  return { text, borders };
}

/** Length of the prefix that the text ends with after `unit`, if it was `length` before. */
function extended(text: string, borders: Int32Array, length: number, unit: number): number {
  let kept = length;
  while (kept > 0 && text.charCodeAt(kept) !== unit) kept = borders[kept - 1] ?? 0;
  return text.charCodeAt(kept) === unit ? kept + 1 : kept;
}

interface Match {
  /** Code units of the whole text before it. */
  start: number;
  stop: string;
}

/**
 * Cuts at the match that starts earliest (the smallest `indexOf` in the whole text), whatever the pieces are. A complete match
 * waits while a longer stop string that began before it may still be completed ("bcd" and "c" after "abc"). Takes time
 * proportional to the length of the text times the number of stop strings.
 */
export class StopBuffer {
  readonly #stops: readonly StopString[];
  readonly #include: boolean;
  /** `[stops]`: length of each string's prefix that the text ends with. */
  readonly #matched: Int32Array;
  #held = '';
  /** Code units of the whole text that were released, and that were read. */
  #released = 0;
  #read = 0;
  #match: Match | undefined;

  /** `include` keeps the stop string at the end of the answer. */
  constructor(stops: readonly StopString[], { include = false }: { include?: boolean } = {}) {
    this.#stops = stops;
    this.#include = include;
    this.#matched = new Int32Array(stops.length);
  }

  push(text: string): StopOutput {
    this.#held += text;
    for (let i = 0; i < text.length; i++) {
      const open = this.#advance(text.charCodeAt(i));
      if (this.#match !== undefined && this.#match.start <= open) return this.#stopAt(this.#match);
    }
    return this.#release(this.#opening(), false);
  }

  /** Releases incomplete stop strings as ordinary text, because no more text comes. */
  end(): StopOutput {
    return this.#match === undefined ? this.#release(this.#read, false) : this.#stopAt(this.#match);
  }

  /** Reads one code unit, and returns the first place at which an incomplete stop string begins. */
  #advance(unit: number): number {
    this.#read++;
    let longest = 0;
    for (const [i, { text, borders }] of this.#stops.entries()) {
      let length = extended(text, borders, this.#matched[i] ?? 0, unit);
      if (length === text.length) {
        this.#note({ start: this.#read - length, stop: text });
        length = borders[length - 1] ?? 0;
      }
      this.#matched[i] = length;
      if (length > longest) longest = length;
    }
    return this.#read - longest;
  }

  /** Of matches that begin at the same place, the first one is the shortest. */
  #note(match: Match): void {
    if (this.#match === undefined || match.start < this.#match.start) this.#match = match;
  }

  #opening(): number {
    return this.#read - this.#matched.reduce((longest, length) => Math.max(longest, length), 0);
  }

  #stopAt({ start, stop }: Match): StopOutput {
    return { ...this.#release(this.#include ? start + stop.length : start, true), stop };
  }

  /** `until` counts code units of the whole text. */
  #release(until: number, stopped: boolean): StopOutput {
    const length = until - this.#released;
    const text = this.#held.slice(0, length);
    this.#held = stopped ? '' : this.#held.slice(length);
    this.#released = until;
    return { text, stopped };
  }
}
