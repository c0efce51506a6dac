// Opens constraints for one vocabulary, and remembers the grammars that were compiled for it. Lives in the engine's thread.
import { type CacheOptions, GrammarCache } from './cache.ts';
import { CompiledGrammar } from './compiled.ts';
import { AllowedIds, type Constraint, unconstrained } from './constraint.ts';
import { ConstraintFault } from './fault.ts';
import { GrammarConstraint } from './grammar-constraint.ts';
import { grammarOf } from './grammar-of.ts';
import type { ConstraintSpec, GrammarSpec } from './specification.ts';
import { ThinkingConstraint } from './thinking.ts';
import { Vocabulary, type VocabularyData } from './vocabulary.ts';

export interface OpenOptions {
  /** Ids that end the answer. */
  stopIds: readonly number[];
  /** Ids generated so far. */
  replay?: readonly number[];
}

export class Constraints {
  readonly #vocabulary: Vocabulary | undefined;
  readonly #cache: GrammarCache<CompiledGrammar>;

  /** Without a vocabulary only ids can be constrained. */
  constructor(vocabulary?: VocabularyData, cache: CacheOptions = {}) {
    this.#vocabulary = vocabulary && new Vocabulary(vocabulary);
    this.#cache = new GrammarCache(cache);
  }

  /** Throws a ConstraintFault where the specification cannot be honoured. */
  open(spec: ConstraintSpec, { stopIds, replay = [] }: OpenOptions): Constraint {
    const constraint = this.#open(spec, stopIds);
    for (const id of replay) constraint.advance(id);
    return constraint;
  }

  #open(spec: ConstraintSpec, stopIds: readonly number[]): Constraint {
    switch (spec.type) {
      case 'ids':
        return new AllowedIds(spec.ids);
      case 'thinking': {
        const then = spec.then === undefined ? unconstrained : this.#open(spec.then, stopIds);
        const isBlank = (id: number) => this.#vocabulary?.isBlank(id) ?? false;
        return new ThinkingConstraint(spec, { stopIds, answer: then, isBlank });
      }
      default:
        return new GrammarConstraint(this.#compiled(spec), stopIds);
    }
  }

  #compiled(spec: GrammarSpec): CompiledGrammar {
    const vocabulary = this.#vocabulary;
    if (vocabulary === undefined) throw new ConstraintFault('the engine was given no vocabulary');
    return this.#cache.get(JSON.stringify(spec), () => new CompiledGrammar(grammarOf(spec), vocabulary));
  }
}
