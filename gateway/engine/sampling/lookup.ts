// Finds earlier occurrences of the last ids of a text, by hash chains over pairs of ids as in Lempel-Ziv compressors. Each
// new id costs one map lookup. Pure.

/** All ids are below this, so a pair of ids fits into one number. */
const WIDEST = 2 ** 24;
/** How many earlier occurrences are compared, latest first. */
const PLACES = 8;

export interface Found {
  /** How many ids match, from 2 to `longest`. */
  match: number;
  /** Index of the id that followed the earlier occurrence. */
  next: number;
}

/** An index of one text, which only grows. */
export class Lookup {
  readonly #longest: number;
  /** By pair: the index of the second id in the pair's latest occurrence. */
  readonly #latest = new Map<number, number>();
  /** At the index of a pair's second id: the second id's index in the pair's previous occurrence; 0 if there is none. */
  readonly #earlier: number[] = [0];

  constructor(longest: number) {
    this.#longest = longest;
  }

  /** The longest match of the end of `ids` with an earlier part of `ids`; among equals the latest. */
  find(ids: readonly number[]): Found | undefined {
    for (let index = this.#earlier.length; index < ids.length; index++) {
      const pair = ids[index - 1]! * WIDEST + ids[index]!;
      this.#earlier.push(this.#latest.get(pair) ?? 0);
      this.#latest.set(pair, index);
    }
    const end = ids.length - 1;
    let best: Found | undefined;
    let at = this.#earlier[end] ?? 0;
    for (let place = 0; place < PLACES && at > 0; place++) {
      let match = 2;
      while (match < this.#longest && match <= at && ids[at - match] === ids[end - match]) match++;
      if (match > (best?.match ?? 0)) best = { match, next: at + 1 };
      if (match === this.#longest) break;
      at = this.#earlier[at] ?? 0;
    }
    return best;
  }
}
