// Which of several replicas is asked. Pure; knows shards by their cost only.
//
// Worked example: expert 3 is held by a and b, expert 7 by b and c; a and c are idle, b was chosen for expert 3:
//   choose([b, c], [b]) → b, unless it costs more than twice as much as c: one frame instead of two

export interface Candidate {
  /** Expected milliseconds of one more call. */
  cost(): number;
}

/** A shard that gets a frame anyway is preferred, as long as it costs at most so many times as much as another one. */
const WORTH_JOINING = 2;

/**
 * Power of two choices (Mitzenmacher 2001): draws two candidates by `random`, which is in [0, 1), and returns the cheaper one.
 * A candidate in `joined` is preferred unless it is too expensive. Undefined if there is no candidate.
 */
export function choose<C extends Candidate>(
  candidates: readonly C[],
  joined: readonly C[],
  random: () => number,
): C | undefined {
  if (candidates.length <= 1) return candidates[0];
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
