// Constrains a model that thinks before it answers: any tokens up to a budget, then the answer under its own constraint.

import type { ConstraintSpec } from '../specification.ts';
import { suffixLength } from '../suffix.ts';
import type { Constraint } from './constraint.ts';

type ThinkingSpec = Extract<ConstraintSpec, { type: 'thinking' }>;
/** `lead`: either thinking or the answer may begin. */
type Stage = 'lead' | 'thinking' | 'answer';

interface ThinkingOptions {
  stopIds: readonly number[];
  /** Opens the constraint of the answer, which follows the thinking. */
  answer: () => Constraint;
  /** Whether the token is white space, after which thinking may still begin. */
  isBlank: (id: number) => boolean;
}

export class ThinkingConstraint implements Constraint {
  readonly #spec: ThinkingSpec;
  readonly #stopIds: ReadonlySet<number>;
  readonly #openAnswer: () => Constraint;
  #answer: Constraint;
  readonly #isBlank: (id: number) => boolean;
  #stage: Stage;
  /** The answer's constraint has allowed every id so far, so the ids may be the beginning of an answer. */
  #answered = true;
  /** How many of the last ids match a prefix of `begin` or `end`. */
  #matched = 0;
  /** Tokens of thinking, including those that may turn out to be a prefix of `end`. */
  #thought = 0;

  constructor(spec: ThinkingSpec, { stopIds, answer, isBlank }: ThinkingOptions) {
    this.#spec = spec;
    this.#stopIds = new Set(stopIds);
    this.#openAnswer = answer;
    this.#answer = answer();
    this.#isBlank = isBlank;
    this.#stage = spec.open ? 'thinking' : spec.begin.length > 0 ? 'lead' : 'answer';
  }

  get finished(): boolean {
    return this.#stage === 'answer' && this.#answer.finished;
  }

  get ready(): boolean {
    return !this.#answers || this.#answer.ready;
  }

  /** The next id may belong to the answer. */
  get #answers(): boolean {
    return this.#stage === 'answer' || (this.#stage === 'lead' && this.#answered);
  }

  prepare(isOver: () => boolean): boolean {
    return !this.#answers || this.#answer.prepare(isOver);
  }

  close(): void {
    this.#answer.close();
  }

  allow(logits: Float32Array): void {
    if (this.#stage === 'answer') this.#answer.allow(logits);
    else if (this.#stage === 'lead') this.#allowLead(logits);
    else if (this.#forced !== undefined) only(logits, this.#forced);
    else if (this.#spec.then !== undefined) {
      for (const id of this.#stopIds) logits[id] = Number.NEGATIVE_INFINITY;
    }
  }

  advance(id: number): void {
    if (this.#stage === 'answer') this.#answer.advance(id);
    else if (this.#stage === 'lead') this.#lead(id);
    else this.#think(id);
  }

  /** The id of `end` that must come next if the budget is used up. */
  get #forced(): number | undefined {
    const { budget, end } = this.#spec;
    return budget !== undefined && this.#thought >= budget ? end[this.#matched] : undefined;
  }

  #allowLead(logits: Float32Array): void {
    const begin = this.#spec.begin[this.#matched] ?? 0;
    const logit = logits[begin] ?? Number.NEGATIVE_INFINITY;
    if (this.#answered) this.#answer.allow(logits);
    else logits.fill(Number.NEGATIVE_INFINITY);
    logits[begin] = logit;
  }

  #lead(id: number): void {
    const { begin } = this.#spec;
    const begins = id === begin[this.#matched];
    const answers = this.#answered && this.#takes(id);
    if (!begins && !answers) throw new Error(`token ${id} is not allowed by the constraint`);
    this.#answered = answers;
    if (!begins) this.#stage = this.#matched === 0 && this.#isBlank(id) ? 'lead' : 'answer';
    else if (++this.#matched === begin.length) {
      this.#stage = 'thinking';
      this.#matched = 0;
      // Ids that were not the beginning of an answer after all may have advanced the answer's constraint.
      const advanced = this.#answer;
      this.#answer = this.#openAnswer();
      advanced.close();
    }
  }

  /** Advances the answer's constraint if the constraint allows the id, and returns whether it does. */
  #takes(id: number): boolean {
    const logits = new Float32Array(id + 1);
    this.#answer.allow(logits);
    if (logits[id] === Number.NEGATIVE_INFINITY) return false;
    this.#answer.advance(id);
    return true;
  }

  #think(id: number): void {
    const { end, then } = this.#spec;
    const ends = this.#stopIds.has(id) && then !== undefined;
    if (ends || (this.#forced !== undefined && id !== this.#forced)) {
      throw new Error(`token ${id} is not allowed by the constraint`);
    }
    this.#thought++;
    this.#matched = suffixLength([...end.slice(0, this.#matched), id], end);
    if (this.#matched === end.length) this.#stage = 'answer';
  }
}

/** Allows only this id. `logits [vocab]` */
function only(logits: Float32Array, id: number): void {
  const logit = logits[id] ?? 0;
  logits.fill(Number.NEGATIVE_INFINITY);
  // The id must come even if the request's `logit_bias` has ruled it out.
  logits[id] = logit === Number.NEGATIVE_INFINITY ? 0 : logit;
}
