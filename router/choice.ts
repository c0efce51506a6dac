// Which of several replicas is asked. Pure; knows shards by their cost only.
//
// Worked example: expert 3 is held by a and b, expert 7 by b and c; a and c are idle, b was chosen for expert 3:
//   choose([b, c]) → b while it is not much dearer: one frame instead of two

export interface Candidate {
  /** Expected milliseconds of one more call. */
  cost(): number;
}

/** A shard that gets a frame anyway is asked for more, as long as it costs at most so many times what another does. */
const worthJoining = 2;

/**
 * Power of two choices (Mitzenmacher 2001): of two candidates drawn by `random` in [0, 1), the cheaper; a candidate in
 * `joined` is taken before them unless it is dear. Undefined where there is no candidate.
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
  return best !== undefined && best.cost() <= worthJoining * drawn.cost() ? best : drawn;
}
