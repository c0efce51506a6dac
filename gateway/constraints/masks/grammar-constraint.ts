// Constrains an answer by a grammar. Ids that end the answer are allowed exactly when the text so far is complete by the grammar.

import type { CompiledGrammar } from './compiled.ts';
import type { Constraint } from './constraint.ts';
import type { Opened } from './grammars.ts';
import { applyMask, type Mask, type MaskSearch } from './mask.ts';
import type { State } from './state.ts';

export class GrammarConstraint implements Constraint {
  readonly #grammar: CompiledGrammar;
  readonly #stopIds: ReadonlySet<number>;
  readonly #opened: Opened;
  #state: State;
  /** The mask of the state, or the search for it. */
  #mask: Mask | undefined;
  #search: MaskSearch | undefined;

  /** Closes `opened` if the grammar is too ambiguous at its start, and throws the fault. */
  constructor(opened: Opened, stopIds: readonly number[]) {
    const { grammar } = opened;
    this.#grammar = grammar;
    this.#opened = opened;
    this.#stopIds = new Set(stopIds);
    try {
      this.#state = grammar.automaton.start();
    } catch (cause) {
      opened.close();
      throw cause;
    }
  }

  get finished(): boolean {
    return this.#state.accepting && this.#state.places.length === 0;
  }

  get ready(): boolean {
    this.#mask ??= this.#grammar.known(this.#state);
    return this.#mask !== undefined;
  }

  prepare(isOver: () => boolean): boolean {
    if (this.ready) return true;
    this.#search ??= this.#grammar.search(this.#state);
    this.#mask = this.#search.run(isOver);
    if (this.#mask !== undefined) {
      this.#search = undefined;
      this.#grammar.learn(this.#state, this.#mask);
    }
    this.#opened.grown();
    return this.#mask !== undefined;
  }

  allow(logits: Float32Array): void {
    const stops = Array.from(this.#stopIds, (id) => [id, logits[id] ?? Number.NEGATIVE_INFINITY] as const);
    this.prepare(() => false);
    if (this.#mask !== undefined) applyMask(this.#mask, logits);
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
    let state = bytes.length === 0 ? automaton.stepTextless(this.#state, id) : this.#state;
    for (const byte of bytes) state &&= automaton.step(state, byte);
    if (state === undefined) throw forbidden(id);
    this.#state = state;
    this.#mask = undefined;
    this.#search = undefined;
  }

  close(): void {
    this.#opened.close();
  }
}

function forbidden(id: number): Error {
  return new Error(`token ${id} is not allowed by the constraint`);
}
