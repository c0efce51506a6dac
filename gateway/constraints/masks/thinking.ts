// Thinking before the answer: free, for so many tokens at most, and then the answer as its own constraint has it. Knows ids.

import type { ConstraintSpec } from '../specification.ts';
import type { Constraint } from './constraint.ts';

type ThinkingSpec = Extract<ConstraintSpec, { type: 'thinking' }>;
type Stage = 'lead' | 'thinking' | 'answer';

export interface ThinkingOptions {
  stopIds: readonly number[];
  /** Of what follows the thinking. */
  answer: Constraint;
  /** Tokens of white space: thinking may begin behind them. */
  isBlank: (id: number) => boolean;
}

export class ThinkingConstraint implements Constraint {
  readonly #spec: ThinkingSpec;
  readonly #stopIds: ReadonlySet<number>;
  readonly #answer: Constraint;
  readonly #isBlank: (id: number) => boolean;
  #stage: Stage;
  /** The answer's constraint could still take what came before any thinking. */
  #answered = true;
  /** Ids of `begin` or `end` that came last. */
  #matched = 0;
  /** Tokens of thinking, those that may turn out to be the beginning of `end` among them. */
  #thought = 0;

  constructor(spec: ThinkingSpec, { stopIds, answer, isBlank }: ThinkingOptions) {
    this.#spec = spec;
    this.#stopIds = new Set(stopIds);
    this.#answer = answer;
    this.#isBlank = isBlank;
    this.#stage = spec.open ? 'thinking' : spec.begin.length > 0 ? 'lead' : 'answer';
  }

  get finished(): boolean {
    return this.#stage === 'answer' && this.#answer.finished;
  }

  get ready(): boolean {
    return !this.#answers || this.#answer.ready;
  }

  /** What comes next may be part of the answer. */
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

  /** The id that must come, where the budget is spent. */
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
    }
  }

  /** What begins the thinking may be forbidden in an answer. */
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
    const seen = [...end.slice(0, this.#matched), id];
    this.#matched = endsIn(seen, end);
    if (this.#matched === end.length) this.#stage = 'answer';
  }
}

/** The longest end of `seen` that begins `wanted`. */
function endsIn(seen: readonly number[], wanted: readonly number[]): number {
  for (let size = Math.min(seen.length, wanted.length); size > 0; size--) {
    if (seen.slice(-size).every((id, i) => id === wanted[i])) return size;
  }
  return 0;
}

function only(logits: Float32Array, id: number): void {
  const logit = logits[id] ?? 0;
  logits.fill(Number.NEGATIVE_INFINITY);
  // A bias of the caller's may have ruled it out; it must come all the same.
  logits[id] = logit === Number.NEGATIVE_INFINITY ? 0 : logit;
}
