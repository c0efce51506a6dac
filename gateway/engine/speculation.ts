// Guesses the next ids from the text so far: what followed when the last few ids stood there before (prompt lookup).
// Pure; the step that verifies a guess samples as if there had been none, so no guess changes an answer.

/** Ids that must match for a guess; longer matches are looked for first. */
const LONGEST_MATCH = 4;
const SHORTEST_MATCH = 2;
/** Most ids guessed at once. */
const MOST = 4;
/** A wrong guess costs another expert's weights in every layer: guesses are made while more than this share holds. */
const LEAST_KEPT = 0.5;
/** How fast the share follows the last guesses. */
const MEMORY = 0.1;
/** After so many tokens without guesses one is tried again. */
const PAUSE = 32;

/** Keeps score of one sequence's guesses. */
export class Speculation {
  #kept = 0.6;
  #silent = 0;

  /** Ids guessed to follow `ids`, at most `room`. */
  guess(ids: readonly number[], room: number): readonly number[] {
    if (this.#kept < LEAST_KEPT && ++this.#silent < PAUSE) return [];
    this.#silent = 0;
    const most = this.#kept < LEAST_KEPT ? 1 : Math.min(MOST, room);
    return most > 0 ? lookUp(ids, most) : [];
  }

  /** `kept` of `guessed` ids were what the sampler chose. */
  learn(guessed: number, kept: number): void {
    for (let i = 0; i < Math.min(kept + 1, guessed); i++) {
      this.#kept += MEMORY * ((i < kept ? 1 : 0) - this.#kept);
    }
  }
}

/** What followed the latest earlier place where the last ids stood, the longest match first. */
export function lookUp(ids: readonly number[], most: number): readonly number[] {
  for (let length = LONGEST_MATCH; length >= SHORTEST_MATCH; length--) {
    const tail = ids.length - length;
    for (let at = tail - 1; at >= 0; at--) {
      let same = 0;
      while (same < length && ids[at + same] === ids[tail + same]) same++;
      if (same === length) return ids.slice(at + length, at + length + most);
    }
  }
  return [];
}
