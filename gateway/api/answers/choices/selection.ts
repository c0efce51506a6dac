// Selects the choices of a request that are returned (`best_of`, `select`), and decides how many are generated.
import type { AnswerToken } from '../answer-text.ts';
import type { Extract } from './extract.ts';
import { countVotes, nextRound, ranking, type Vote, type VoteRules } from './vote.ts';

/** How choices are selected: by their mean log-probability, or by a vote over the answers that `extract` finds in them. */
export type SelectBy = 'logprob' | 'majority';

export interface SelectRules extends VoteRules {
  by: SelectBy;
  extract: Extract;
  /** Whether the answer tells how it was selected. */
  isTold: boolean;
}

interface Choice {
  /** Number of the choice among those of all prompts: choice `c` of prompt `p` has the index `p * made + c`. */
  index: number;
  tokens: readonly AnswerToken[];
  /** The stop id that ended the choice, if one did. */
  stop?: AnswerToken | undefined;
}

/** What the answer tells about the selection for one prompt. */
export interface SelectionReport {
  /** `logprob` also if no choice has an answer to vote for. */
  by: SelectBy;
  generated: number;
  rounds: number;
  /** Numbers of the returned choices, best first. With the seed, a number determines its choice. */
  choices: number[];
  /** The answers and their votes, the winning answer first. Absent if there was no vote. */
  answers?: { answer: string; votes: number }[];
}

/** Longer answers are cut in reports. In code points. */
const LONGEST_SHOWN = 200;

/** Holds the votes of one request. */
export class Selection {
  readonly #rules: SelectRules;
  /** For each prompt: its votes, the number of choices that were asked for, and the number of rounds. */
  readonly #prompts = new Map<number, { votes: Vote[]; asked: number; rounds: number }>();

  constructor(rules: SelectRules) {
    this.#rules = rules;
  }

  /** Number of choices of the prompt that are generated next. 0: no more. All choices of its earlier rounds must have been added. */
  nextRound(prompt: number): number {
    const own = this.#of(prompt);
    if (own.votes.length < own.asked)
      throw new Error('a round begins before the votes of the last one are read');
    const { by, made } = this.#rules;
    const count = by === 'majority' ? nextRound(own.votes, this.#rules) : made - own.asked;
    own.asked += count;
    if (count > 0) own.rounds++;
    return count;
  }

  /** Adds a choice that has ended. `text` is what its answer is extracted from. */
  add({ index, tokens, stop }: Choice, text: string): void {
    const { by, made, extract } = this.#rules;
    const answer = by === 'majority' ? extract(text) : undefined;
    const { votes } = this.#of(Math.floor(index / made));
    votes.push({ choice: index % made, answer, mean: meanLogprob(tokens, stop) });
  }

  /** For each prompt in order, the choices that are returned, best first. All of them are renumbered. */
  selected<Made extends Choice>(choices: readonly Made[]): Made[] {
    const { made } = this.#rules;
    const byIndex = new Map(choices.map((choice) => [choice.index, choice]));
    const chosen = this.#inOrder.flatMap(([prompt, { votes }]) => {
      return this.#returned(votes).flatMap((choice) => byIndex.get(prompt * made + choice) ?? []);
    });
    return chosen.map((choice, index) => ({ ...choice, index }));
  }

  /** One report for each prompt. Undefined if the answer tells nothing about its selection. */
  get reports(): SelectionReport[] | undefined {
    if (!this.#rules.isTold) return undefined;
    return this.#inOrder.map(([, { votes, rounds }]) => {
      const counts = countVotes(votes);
      const common = { generated: votes.length, rounds, choices: this.#returned(votes) };
      if (counts.length === 0) return { by: 'logprob', ...common };
      const answers = counts.map((count) => ({ answer: shown(count.answer), votes: count.votes }));
      return { by: 'majority', ...common, answers };
    });
  }

  #returned(votes: readonly Vote[]): number[] {
    return ranking(votes).slice(0, this.#rules.wanted);
  }

  get #inOrder() {
    return [...this.#prompts].sort(([a], [b]) => a - b);
  }

  #of(prompt: number) {
    const own = this.#prompts.get(prompt) ?? { votes: [], asked: 0, rounds: 0 };
    this.#prompts.set(prompt, own);
    return own;
  }
}

/**
 * Mean over the tokens that `logprobs` lists, including the stop id. A choice without tokens ranks last. Always finite, because the
 * order is made from differences, and the difference of two infinities is NaN.
 */
function meanLogprob(tokens: readonly AnswerToken[], stop: AnswerToken | undefined): number {
  const all = stop === undefined ? tokens : [...tokens, stop];
  if (all.length === 0) return -Number.MAX_VALUE;
  const sum = all.reduce((total, { logprob }) => total + (logprob ?? Number.NEGATIVE_INFINITY), 0);
  return Math.max(sum / all.length, -Number.MAX_VALUE);
}

function shown(answer: string): string {
  const start = [...answer.slice(0, 2 * LONGEST_SHOWN + 1)];
  return start.length > LONGEST_SHOWN ? `${start.slice(0, LONGEST_SHOWN).join('')}…` : answer;
}
