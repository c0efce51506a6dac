// Opens constraints for one vocabulary and keeps the grammars that were compiled for this vocabulary. Runs in the engine's thread.

import { ConstraintFault } from '../fault.ts';
import { grammarOf } from '../grammar/grammar-of.ts';
import { unpackedGrammar } from '../grammar/packed.ts';
import type { ConstraintSpec, GrammarSpec, ReadSpec } from '../specification.ts';
import { Vocabulary, type VocabularyData } from '../vocabulary.ts';
import { CompiledGrammar } from './compiled.ts';
import { AllowedIds, type Constraint, unconstrained } from './constraint.ts';
import { GrammarConstraint } from './grammar-constraint.ts';
import { Grammars, type MemoryOptions, type Opened } from './grammars.ts';
import { ThinkingConstraint } from './thinking.ts';

export interface OpenOptions {
  /** Ids that end the answer. */
  stopIds: readonly number[];
  /** Ids generated so far. */
  replay?: readonly number[];
  /** The tenant that is charged for memory; default ''. */
  tenant?: string;
}

export class Constraints {
  readonly grammars: Grammars;
  readonly #vocabulary: Vocabulary | undefined;

  /** Without a vocabulary, only specifications of type `ids` can be opened. */
  constructor(vocabulary?: VocabularyData, memory: MemoryOptions = {}) {
    this.#vocabulary = vocabulary && new Vocabulary(vocabulary);
    this.grammars = new Grammars(memory);
  }

  /** Throws a ConstraintFault if the specification cannot be honoured. */
  open(spec: ConstraintSpec, { stopIds, replay = [], tenant = '' }: OpenOptions): Constraint {
    const constraint = this.#open(spec, stopIds, tenant);
    try {
      for (const id of replay) constraint.advance(id);
    } catch (cause) {
      constraint.close();
      throw cause;
    }
    return constraint;
  }

  #open(spec: ConstraintSpec, stopIds: readonly number[], tenant: string): Constraint {
    switch (spec.type) {
      case 'ids':
        return new AllowedIds(spec.ids);
      case 'thinking': {
        const { then } = spec;
        const answer = () => (then === undefined ? unconstrained : this.#open(then, stopIds, tenant));
        const isBlank = (id: number) => this.#vocabulary?.isBlank(id) ?? false;
        return new ThinkingConstraint(spec, { stopIds, answer, isBlank });
      }
      default:
        return new GrammarConstraint(this.#compiled(spec, tenant), stopIds);
    }
  }

  #compiled(spec: GrammarSpec | ReadSpec, tenant: string): Opened {
    const vocabulary = this.#vocabulary;
    if (vocabulary === undefined) throw new ConstraintFault('the engine was given no vocabulary');
    const key = spec.type === 'read' ? spec.key : JSON.stringify(spec);
    return this.grammars.open(key, tenant, () => {
      const grammar = spec.type === 'read' ? unpackedGrammar(spec.packed) : grammarOf(spec);
      return new CompiledGrammar(grammar, vocabulary);
    });
  }
}
