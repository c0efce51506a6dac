// The vote over the answers of choices: counts it, says when it is decided, and orders the choices. Pure. The order in which the
// votes are listed never matters, only the numbers of their choices.

/** The vote of one choice. */
export interface Vote {
  /** Number of the choice among those of its prompt. */
  choice: number;
  /** Undefined: the choice votes for nothing. */
  answer: string | undefined;
  /** Mean log-probability of the choice's tokens. */
  mean: number;
}

/** The votes for one answer. */
export interface Count {
  answer: string;
  votes: number;
  /** The lowest number of a choice with this answer. */
  first: number;
}

export interface VoteRules {
  /** Number of choices that may be generated. */
  made: number;
  /** Number of choices that are returned. */
  wanted: number;
  /** Smallest number of choices in a round. */
  round: number;
}

/** The answer with the most votes first. Of answers with equally many votes, the one with the lowest choice number comes first. */
export function countVotes(votes: readonly Vote[]): Count[] {
  const counts = new Map<string, Count>();
  for (const { choice, answer } of votes) {
    if (answer === undefined) continue;
    const { votes: before, first } = counts.get(answer) ?? { votes: 0, first: choice };
    counts.set(answer, { answer, votes: before + 1, first: Math.min(first, choice) });
  }
  return [...counts.values()].sort((a, b) => b.votes - a.votes || a.first - b.first);
}

/** Whether the first of `counts` wins, whatever `left` further choices with higher numbers vote for. */
export function isDecided(counts: readonly Count[], left: number): boolean {
  const [leader, ...others] = counts;
  if (leader === undefined) return left === 0;
  // An answer that nobody has given yet would have a higher first number than the leader. So it needs more votes than the leader.
  if (left > leader.votes) return false;
  return others.every(({ votes, first }) => {
    const most = votes + left;
    return most < leader.votes || (most === leader.votes && leader.first < first);
  });
}

/**
 * Number of choices that are generated next. 0: the vote is over. `votes` are those of all choices so far. Fewer than half of the
 * choices can never decide the vote, so the first round has at least half of them.
 */
export function nextRound(votes: readonly Vote[], { made, wanted, round }: VoteRules): number {
  const left = made - votes.length;
  if (votes.length === 0) return Math.min(made, Math.max(wanted, round, Math.ceil(made / 2)));
  return isDecided(countVotes(votes), left) ? 0 : Math.min(round, left);
}

/**
 * The numbers of the choices, best first: those of the winning answer, then those of the next answers, and at last those without an
 * answer. Choices of one answer are ordered by their mean log-probability. Of equal choices, the lowest number comes first.
 */
export function ranking(votes: readonly Vote[]): number[] {
  const places = new Map(countVotes(votes).map(({ answer }, place) => [answer, place]));
  const placeOf = ({ answer }: Vote) =>
    (answer === undefined ? undefined : places.get(answer)) ?? places.size;
  const best = votes.toSorted((a, b) => placeOf(a) - placeOf(b) || b.mean - a.mean || a.choice - b.choice);
  return best.map(({ choice }) => choice);
}
