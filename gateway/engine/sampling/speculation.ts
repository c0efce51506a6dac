// Drafts the next ids from the text so far: what followed when the last few ids stood there before (prompt lookup).
// Pure; the step that verifies a draft samples as if there had been none, so no draft changes an answer.
//
// Every step's draft is scored, made or not: how often a draft holds is known before the first one costs anything.
import { type Found, Lookup } from './lookup.ts';

/** Longer matches are taken for as good as this. */
const LONGEST_MATCH = 8;
/** Most ids drafted at once. */
const MOST = 7;
/** How fast the scores follow. */
const MEMORY = 0.1;
/** A draft must promise so many times its price. */
const MARGIN = 1.25;

/** Keeps score of one sequence's drafts. */
export class Speculation {
  readonly #lookup = new Lookup(LONGEST_MATCH);
  /** How often the next id is as drafted, by the length of the match. */
  readonly #chances = Array.from({ length: LONGEST_MATCH + 1 }, (_, match) => match / (LONGEST_MATCH + 4));
  #found: Found | undefined;
  /** Ids known when it was found. */
  #known = 0;

  /**
   * Ids drafted to follow `ids`, at most `room`: while the chance that all of them hold is worth `price`, the tokens that
   * would be generated in the time that one more draft takes.
   */
  draft(ids: readonly number[], room: number, price: number): readonly number[] {
    this.#found = this.#lookup.find(ids);
    this.#known = ids.length;
    const drafts: number[] = [];
    if (this.#found === undefined) return drafts;
    const { match, next } = this.#found;
    let chance = 1;
    for (let ahead = 0; ahead < Math.min(room, MOST); ahead++) {
      chance *= this.#chances[lengthOf(match + ahead)] ?? 0;
      if (chance < MARGIN * price) break;
      const at = next + ahead;
      drafts.push(ids[at] ?? drafts[at - ids.length]!); // where the place runs into the end, on with the draft
    }
    return drafts;
  }

  /** `ids` have grown by what the sampler chose. */
  learn(ids: readonly number[]): void {
    if (this.#found === undefined) return;
    const { match, next } = this.#found;
    for (let ahead = 0; ahead < MOST && this.#known + ahead < ids.length; ahead++) {
      const held = ids[next + ahead] === ids[this.#known + ahead];
      const length = lengthOf(match + ahead);
      const chance = this.#chances[length] ?? 0;
      this.#chances[length] = chance + MEMORY * ((held ? 1 : 0) - chance);
      if (!held) break;
    }
    this.#found = undefined;
  }
}

function lengthOf(match: number): number {
  return Math.min(match, LONGEST_MATCH);
}
