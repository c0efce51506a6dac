// Drafts the next ids from the text so far: those that followed an earlier occurrence of the last few ids (prompt lookup).
// The step that verifies a draft samples as if there were no draft, so no draft changes an answer. Pure.
//
// Every step compares its tokens with the drafts that were possible, even if none was made. So the chance of drafts to be right
// is known before the first draft costs time.
import { type Found, Lookup } from './lookup.ts';

/** Longer matches share one chance with matches of this length. */
const LONGEST_MATCH = 8;
/** Most drafts of a sequence in one step. */
const MOST = 7;
/** Weight of the latest draft in the learnt chance for its length of match. */
const MEMORY = 0.1;
/** A draft is made only if its chance of being right is at least this many times its price (see `draft`). */
const MARGIN = 1.25;

/** Makes the drafts of one sequence, and learns their chances of being right. */
export class Speculation {
  readonly #lookup = new Lookup(LONGEST_MATCH);
  /** Chance (0–1) that a draft is right, by length of the match. */
  readonly #chances = Array.from({ length: LONGEST_MATCH + 1 }, (_, match) => match / (LONGEST_MATCH + 4));
  #found: Found | undefined;
  /** Number of ids when `#found` was found. */
  #known = 0;

  /**
   * At most `room` drafts to follow `ids`. `price` is the number of tokens that could be generated in the time of one more
   * draft. Drafting stops when the chance that all drafts so far are right falls below `MARGIN` times the price.
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
      drafts.push(ids[at] ?? drafts[at - ids.length]!); // past the end of `ids`, continue with the drafts
    }
    return drafts;
  }

  /** To be called when the sampled ids have been appended to `ids`. */
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
