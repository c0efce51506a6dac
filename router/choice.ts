// Chooses one of several replicas by the expected time of a call. Pure.
//
// Worked example: a and b hold expert 3, b and c hold expert 7, and b was chosen for expert 3:
//   choose([b, c], [b]) → b, because one frame is cheaper than two; but c if b costs more than twice as much as c

export interface Candidate {
  /** Expected milliseconds of the next call. */
  cost(): number;
  /** True if the candidate runs in this thread, so that a call of it costs no hop. */
  readonly isHere: boolean;
}

/** A shard that gets a frame anyway is preferred if it costs at most this multiple of the shard that `choose` drew. */
const WORTH_JOINING = 2;

/**
 * Returns a candidate in this thread if there is one. Otherwise draws two candidates and returns the cheaper one (power of two
 * choices, Mitzenmacher 2001). A candidate that gets a frame anyway (`joined`) is returned instead if it is cheap enough. `random`
 * returns 0 to 1. Undefined if there is no candidate.
 */
export function choose<C extends Candidate>(
  candidates: readonly C[],
  joined: readonly C[],
  random: () => number,
): C | undefined {
  if (candidates.length <= 1) return candidates[0];
  const here = candidates.find(({ isHere }) => isHere);
  if (here !== undefined) return here;
  const first = Math.floor(random() * candidates.length);
  const other = Math.floor(random() * (candidates.length - 1));
  const [a, b] = [candidates[first]!, candidates[other < first ? other : other + 1]!];
  const drawn = b.cost() < a.cost() ? b : a;
  let best: C | undefined;
  for (const candidate of candidates) {
    if (joined.includes(candidate) && (best === undefined || candidate.cost() < best.cost()))
      best = candidate;
  }
  return best !== undefined && best.cost() <= WORTH_JOINING * drawn.cost() ? best : drawn;
}
