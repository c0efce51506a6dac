// Holds an answer to a grammar. Ids that end the answer may come exactly where the grammar may end. Knows no text.
import type { State } from './automaton.ts';
import type { CompiledGrammar } from './compiled.ts';
import type { Constraint } from './constraint.ts';
import { applyMask } from './mask.ts';

export class GrammarConstraint implements Constraint {
  readonly #grammar: CompiledGrammar;
  readonly #stopIds: ReadonlySet<number>;
  #state: State;

  constructor(grammar: CompiledGrammar, stopIds: readonly number[]) {
    this.#grammar = grammar;
    this.#stopIds = new Set(stopIds);
    this.#state = grammar.automaton.start();
  }

  get finished(): boolean {
    return this.#state.accepting && this.#state.places.length === 0;
  }

  allow(logits: Float32Array): void {
    const stops = Array.from(this.#stopIds, (id) => [id, logits[id] ?? Number.NEGATIVE_INFINITY] as const);
    applyMask(this.#grammar.mask(this.#state), logits);
    const { accepting } = this.#state;
    for (const [id, logit] of stops) logits[id] = accepting ? logit : Number.NEGATIVE_INFINITY;
  }

  advance(id: number): void {
    if (this.#stopIds.has(id)) {
      if (!this.#state.accepting) throw forbidden(id);
      return;
    }
    const { automaton, vocabulary } = this.#grammar;
    const bytes = id < vocabulary.size ? vocabulary.bytes(id) : [];
    let state = bytes.length === 0 ? automaton.stepTextless(this.#state) : this.#state;
    for (const byte of bytes) state &&= automaton.step(state, byte);
    if (state === undefined) throw forbidden(id);
    this.#state = state;
  }
}

function forbidden(id: number): Error {
  return new Error(`token ${id} is not allowed by the constraint`);
}
