// The vote over answers: its count, its early end, and the order of the choices.
import { expect, test } from 'vitest';
import {
  countVotes,
  isDecided,
  nextRound,
  ranking,
  type Vote,
  type VoteRules,
} from '../../../../../gateway/api/answers/choices/vote.ts';
import { uniform } from '../../../../support/random.ts';

const vote = (choice: number, answer: string | undefined, mean = 0): Vote => ({ choice, answer, mean });

/** Holds a vote over `all` choices as the gateway does, and returns the choices that were generated. */
function held(all: readonly Vote[], rules: VoteRules): { votes: Vote[]; rounds: number[] } {
  const votes: Vote[] = [];
  const rounds: number[] = [];
  for (let count = nextRound(votes, rules); count > 0; count = nextRound(votes, rules)) {
    votes.push(...all.slice(votes.length, votes.length + count));
    rounds.push(count);
  }
  return { votes, rounds };
}

/** A random vote with few answers, so that ties are frequent, and random rules for it. */
function randomVote(seed: number): { all: Vote[]; rules: VoteRules; draw: (below: number) => number } {
  const next = uniform(seed);
  const draw = (below: number) => Math.floor(next() * below);
  const made = 1 + draw(20);
  const answers = ['a', 'b', 'c', 'd', undefined].slice(draw(3));
  const all = Array.from({ length: made }, (_, choice) => {
    return vote(choice, answers[draw(answers.length)], -draw(4));
  });
  return { all, rules: { made, wanted: 1 + draw(made), round: 1 + draw(6) }, draw };
}

const seeds = Array.from({ length: 2_000 }, (_, seed) => seed);

test('a vote that ends early has the winner of the full count, and has generated enough choices to return', () => {
  let early = 0;
  for (const seed of seeds) {
    const { all, rules } = randomVote(seed);
    const { votes } = held(all, rules);
    expect(countVotes(votes)[0]?.answer, `${seed}`).toBe(countVotes(all)[0]?.answer);
    expect(votes.length, `${seed}`).toBeGreaterThanOrEqual(rules.wanted);
    if (votes.length < all.length) early++;
  }
  expect(early).toBeGreaterThan(seeds.length / 10);
});

test('a vote ends exactly when no continuation can change its winner', () => {
  /** Whether every list of further answers leaves the winner, found by trying all of them. */
  const isFixed = (votes: readonly Vote[], left: number, winner: string | undefined): boolean => {
    if (countVotes(votes)[0]?.answer !== winner && left === 0) return false;
    if (left === 0) return true;
    return ['a', 'b', 'd', 'new', undefined].every((answer) =>
      isFixed([...votes, vote(votes.length, answer)], left - 1, winner),
    );
  };
  for (const seed of seeds.slice(0, 200)) {
    const { all, draw } = randomVote(seed);
    const known = all.slice(0, 8).map(({ choice, answer }) => vote(choice, answer === 'c' ? 'a' : answer));
    const left = draw(4);
    const winner = countVotes(known)[0]?.answer;
    expect(isDecided(countVotes(known), left), `${seed}`).toBe(isFixed(known, left, winner));
  }
});

test('the order in which choices end does not change the count, the next round or the ranking', () => {
  for (const seed of seeds.slice(0, 500)) {
    const { all, rules, draw } = randomVote(seed);
    const shuffled = [...all];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = draw(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
    }
    expect(countVotes(shuffled)).toEqual(countVotes(all));
    expect(ranking(shuffled)).toEqual(ranking(all));
    const some = shuffled.filter(({ choice }) => choice < rules.made / 2);
    const more = { ...rules, made: rules.made + 3 };
    expect(nextRound(some, more)).toBe(
      nextRound(
        some.toSorted((a, b) => a.choice - b.choice),
        more,
      ),
    );
  }
});

test('the first round has at least half of the choices, and as many as are returned', () => {
  const first = (made: number, wanted: number, round: number) => nextRound([], { made, wanted, round });
  expect([first(16, 1, 4), first(9, 1, 4), first(4, 1, 4), first(16, 12, 4), first(16, 1, 99)]).toEqual([
    8, 5, 4, 12, 16,
  ]);
});

test('the next rounds end the vote as soon as it is decided', () => {
  const answers = ['b', 'a', 'b', 'a', 'a', 'a', 'b', 'a', 'a', 'b'];
  const all = answers.map((answer, choice) => vote(choice, answer));
  expect(held(all, { made: 10, wanted: 1, round: 2 }).rounds).toEqual([5, 2, 2]);
  expect(held(all, { made: 10, wanted: 1, round: 4 }).rounds).toEqual([5, 4]);
  const same = all.map(({ choice }) => vote(choice, 'x'));
  expect(held(same, { made: 10, wanted: 1, round: 2 }).rounds).toEqual([5]);
  const none = all.map(({ choice }) => vote(choice, undefined));
  expect(held(none, { made: 10, wanted: 1, round: 2 }).rounds).toEqual([5, 2, 2, 1]);
});

test('the winner is the answer with the most votes, or else the one with the lowest choice number', () => {
  const votes = [vote(0, undefined), vote(1, 'b', -9), vote(2, 'a', -1), vote(3, 'a', -2), vote(4, 'b', -8)];
  expect(countVotes(votes)).toEqual([
    { answer: 'b', votes: 2, first: 1 },
    { answer: 'a', votes: 2, first: 2 },
  ]);
  expect(ranking(votes)).toEqual([4, 1, 2, 3, 0]);
});

test('without answers, choices are ranked by their mean log-probability, and equal ones by their number', () => {
  const votes = [-3, -1, -2, -1].map((mean, choice) => vote(choice, undefined, mean));
  expect(ranking(votes)).toEqual([1, 3, 2, 0]);
});
