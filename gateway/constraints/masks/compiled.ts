// A grammar compiled for a vocabulary: its automaton and the masks found so far. Sequences with the same grammar share it.

import type { ConstraintFault } from '../fault.ts';
import { type Grammar, nothing } from '../grammar/expression.ts';
import { extentOf } from '../grammar/extent.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { Automaton } from './automaton.ts';
import { Cache } from './cache.ts';
import { type Mask, MaskSearch, maskOf } from './mask.ts';
import type { State } from './state.ts';

/** Most bytes of the masks of one grammar. */
const MOST_MASK_BYTES = 8 * 2 ** 20;
/** Takes the place of a grammar whose memory `end` frees. */
const none: Grammar = { root: nothing, rules: new Map() };

export class CompiledGrammar {
  automaton: Automaton;
  readonly vocabulary: Vocabulary;
  /** Bytes of the grammar itself. */
  #extent: number;
  #fault: ConstraintFault | undefined;
  /** Masks by `likeness`, which is equal for states in which the same tokens may come (state.ts). */
  #masks = newCache();

  /** Throws a ConstraintFault if the grammar is too large. */
  constructor(grammar: Grammar, vocabulary: Vocabulary) {
    this.vocabulary = vocabulary;
    this.#extent = extentOf(grammar).bytes;
    this.automaton = new Automaton(grammar, { longestToken: vocabulary.longest });
  }

  /** Bytes in memory, roughly. */
  get size(): number {
    return this.#extent + this.automaton.size + this.#masks.bytes;
  }

  mask(state: State): Mask {
    const found = this.known(state) ?? maskOf(this.automaton, state, this.vocabulary);
    this.learn(state, found);
    return found;
  }

  /** Undefined if the mask was not found yet, or was forgotten. */
  known({ likeness }: State): Mask | undefined {
    return this.#masks.get(likeness);
  }

  /** Throws a ConstraintFault if the grammar was ended. */
  search(state: State): MaskSearch {
    if (this.#fault !== undefined) throw this.#fault;
    return new MaskSearch(this.automaton, state, this.vocabulary);
  }

  learn({ likeness }: State, mask: Mask): void {
    this.#masks.set(likeness, mask);
  }

  /** Frees all memory. Requests that still use the grammar get the fault. */
  end(fault: ConstraintFault): void {
    this.forget();
    this.#fault = fault;
    this.#extent = 0;
    this.automaton = new Automaton(none, { longestToken: this.vocabulary.longest });
  }

  /** Forgets states and masks, which can be found again. */
  forget(): void {
    this.automaton.forget();
    this.#masks = newCache();
  }
}

function newCache(): Cache<Mask> {
  return new Cache({ count: Number.POSITIVE_INFINITY, bytes: MOST_MASK_BYTES });
}
