// A grammar compiled for a vocabulary: its automaton and the masks found so far. All sequences with the grammar share it.

import type { ConstraintFault } from '../fault.ts';
import { type Grammar, nothing } from '../grammar/expression.ts';
import { extentOf } from '../grammar/extent.ts';
import type { Vocabulary } from '../vocabulary.ts';
import { Automaton } from './automaton.ts';
import { type Mask, MaskSearch, maskOf, sizeOf } from './mask.ts';
import type { State } from './state.ts';

/** Most bytes of masks of one grammar. */
const MOST_MASK_BYTES = 8 * 2 ** 20;
/** Stands in for the automaton of a grammar that was ended. */
const none: Grammar = { root: nothing, rules: new Map() };

export class CompiledGrammar {
  automaton: Automaton;
  readonly vocabulary: Vocabulary;
  /** Of the grammar itself. */
  #extent: number;
  #fault: ConstraintFault | undefined;
  /** Masks by the likeness of their states, the most recently used one last. */
  readonly #masks = new Map<string, Mask>();
  #maskBytes = 0;

  /** Throws a ConstraintFault if the grammar is too large. */
  constructor(grammar: Grammar, vocabulary: Vocabulary) {
    this.vocabulary = vocabulary;
    this.#extent = extentOf(grammar).bytes;
    this.automaton = new Automaton(grammar, { longestToken: vocabulary.longest });
  }

  /** Bytes in memory, roughly. */
  get size(): number {
    return this.#extent + this.automaton.size + this.#maskBytes;
  }

  mask(state: State): Mask {
    const found = this.known(state) ?? maskOf(this.automaton, state, this.vocabulary);
    this.learn(state, found);
    return found;
  }

  /** Undefined if the mask was not found yet, or was forgotten. */
  known({ likeness }: State): Mask | undefined {
    const known = this.#masks.get(likeness);
    if (known === undefined) return undefined;
    this.#masks.delete(likeness);
    this.#masks.set(likeness, known);
    return known;
  }

  /** Throws a ConstraintFault if the grammar was ended. */
  search(state: State): MaskSearch {
    if (this.#fault !== undefined) throw this.#fault;
    return new MaskSearch(this.automaton, state, this.vocabulary);
  }

  learn({ likeness }: State, mask: Mask): void {
    if (this.#masks.has(likeness)) return;
    this.#masks.set(likeness, mask);
    this.#maskBytes += costOf(likeness, mask);
    for (const [oldest, old] of this.#masks) {
      if (this.#maskBytes <= MOST_MASK_BYTES || old === mask) break;
      this.#masks.delete(oldest);
      this.#maskBytes -= costOf(oldest, old);
    }
  }

  /** Frees everything. Requests that still use the grammar get the fault. */
  end(fault: ConstraintFault): void {
    this.forget();
    this.#fault = fault;
    this.#extent = 0;
    this.automaton = new Automaton(none, { longestToken: this.vocabulary.longest });
  }

  /** Forgets states and masks, which can be found again. */
  forget(): void {
    this.automaton.forget();
    this.#masks.clear();
    this.#maskBytes = 0;
  }
}

function costOf(likeness: string, mask: Mask): number {
  return sizeOf(mask) + 2 * likeness.length + 100;
}
