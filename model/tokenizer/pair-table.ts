// A hash table from pairs of ids to ids. A Map with text or large numbers as keys takes several times as long.

/** The share of places in use is at most a half, so that a search ends after a few steps. */
const PLACES_PER_PAIR = 2;

export class PairTable {
  private readonly mask: number;
  private readonly lefts: Int32Array;
  private readonly rights: Int32Array;
  private readonly values: Int32Array;

  /** Holds at most `pairs` pairs. */
  constructor(pairs: number) {
    const places = 2 ** Math.ceil(Math.log2(Math.max(PLACES_PER_PAIR, pairs * PLACES_PER_PAIR)));
    this.mask = places - 1;
    this.lefts = new Int32Array(places);
    this.rights = new Int32Array(places);
    this.values = new Int32Array(places).fill(-1);
  }

  /** -1 if the pair is not in the table. */
  get(left: number, right: number): number {
    return this.values[this.placeOf(left, right)]!;
  }

  set(left: number, right: number, value: number): void {
    const place = this.placeOf(left, right);
    this.lefts[place] = left;
    this.rights[place] = right;
    this.values[place] = value;
  }

  /** The place of the pair, or the free place in which to put it. */
  private placeOf(left: number, right: number): number {
    // Two odd constants spread ids that follow each other over the table.
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash ^= hash >>> 15;
    let place = hash & this.mask;
    while (this.values[place] !== -1 && (this.lefts[place] !== left || this.rights[place] !== right)) {
      place = (place + 1) & this.mask;
    }
    return place;
  }
}
