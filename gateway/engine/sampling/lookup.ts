// Where the last ids of a text stood before: hash chains over pairs of ids, as compressors of the Lempel-Ziv kind keep
// them. Pure; costs a look into a map for each new id.

/** Ids are below this: a pair is one number. */
const WIDEST = 2 ** 24;
/** Earlier places that are compared, latest first. */
const PLACES = 8;

export interface Found {
  /** Ids before the end that stood there before as well, from 2 to `longest`. */
  match: number;
  /** Index of the id that followed there. */
  next: number;
}

/** Of one text that only ever grows. */
export class Lookup {
  readonly #longest: number;
  /** Index of the second id of each pair's latest place. */
  readonly #latest = new Map<number, number>();
  /** By index of a pair's second id: the place before that one, or 0. */
  readonly #earlier: number[] = [0];

  constructor(longest: number) {
    this.#longest = longest;
  }

  /** The longest match of the end of `ids` with an earlier place; of equals the latest. */
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
