// Translates a schema into the grammar of the JSON texts that satisfy it. Each term becomes one rule, however often it is used, so that
// recursion ends.

import { ConstraintFault, within } from '../fault.ts';
import {
  choice,
  type Expression,
  type Grammar,
  impossible,
  language,
  nothing,
  oneOf,
  rule,
  text,
} from '../grammar/expression.ts';
import { anyValue, boolean, integer, jsonRules, literal, number } from '../grammar/json-text.ts';
import { spendStates, withinStates } from '../reading/budget.ts';
import { arrays } from './arrays.ts';
import { Document } from './document.ts';
import { isSchema } from './keywords.ts';
import { hasNumber, type NumberTest, numberTexts } from './numbers.ts';
import { objects } from './objects.ts';
import { productive } from './productive.ts';
import { Normalizer } from './shapes/normal.ts';
import type { Shape } from './shapes/shapes.ts';
import { any, type Term } from './shapes/terms.ts';
import { hasText, strings, type TextTest, valuesAmong } from './texts.ts';

/** Most states of all automata: a second of work. */
const MOST_STATES = 100_000;
const MOST_RULES = 100_000;
/** Most entries of all lists of properties. A rule has those that may come next. */
const MOST_ENTRIES = 1_000_000;
/** Number of entries that take as long as one state of an automaton. */
const ENTRIES_PER_STATE = 20;
/** Most nested values that are worked out at once. Deeper ones wait, because the stack is short. */
const DEEPEST_RULE = 30;
/** Most nested arrays and objects, including those in values. */
const DEEPEST_VALUE = 100;
/** Most values of a list whose items all differ. */
const MOST_VALUES = 200;

export interface SchemaOptions {
  /** The grammar allows only values that are objects. */
  objects?: boolean;
}

/** Throws a ConstraintFault, whose path names the keyword that cannot be honoured, if it is one keyword. */
export function schemaGrammar(schema: unknown, { objects: only = false }: SchemaOptions = {}): Grammar {
  refuseDeep(schema);
  if (!isSchema(schema)) {
    throw new ConstraintFault('expected a schema: an object, or true or false', '', { invalid: true });
  }
  const normalizer = new Normalizer(new Document(schema));
  const { terms } = normalizer;
  const asked = only ? terms.all(terms.of(schema), terms.of({ type: 'object' })) : terms.of(schema);
  for (const silent of [false, true]) {
    const writer = new Writer(normalizer, { silent });
    const root = withinStates(MOST_STATES, () => writer.root(asked));
    const grammar = productive({ root, rules: new Map([...jsonRules, ...writer.rules]) });
    if (grammar.root !== impossible) return grammar;
  }
  if (!normalizer.narrowed) throw new ConstraintFault('no value satisfies it', '', { invalid: true });
  throw new ConstraintFault('no value that satisfies it is known');
}

/** Functions that walk values recurse. */
function refuseDeep(root: unknown): void {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (level.includes(Number.POSITIVE_INFINITY) || level.includes(Number.NEGATIVE_INFINITY)) {
      throw new ConstraintFault('it holds a number beyond double precision', '', { invalid: true });
    }
    if (depth > DEEPEST_VALUE) throw new ConstraintFault(`it is nested more than ${DEEPEST_VALUE} deep`);
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
}

class Writer {
  readonly rules = new Map<string, Expression>();
  readonly normalizer: Normalizer;
  readonly #values = new Map<number, Expression>();
  readonly #silent: boolean;
  /** Terms whose rules are still to be made. */
  readonly #later: Term[] = [];
  #depth = 0;
  #entries = 0;

  /** `silent`: values of kinds that a schema does not mention are written too. */
  constructor(normalizer: Normalizer, { silent }: { silent: boolean }) {
    this.normalizer = normalizer;
    this.#silent = silent;
  }

  value(term: Term): Expression {
    if (term === any) return anyValue;
    const known = this.#values.get(term.id);
    if (known !== undefined) return known;
    this.#values.set(term.id, rule(`value ${term.id}`)); // its own body may refer to it
    if (this.#depth >= DEEPEST_RULE) this.#later.push(term);
    else this.#make(term);
    return this.#values.get(term.id) ?? impossible;
  }

  /** The grammar's root, once the rules of all values in it are made. */
  root(term: Term): Expression {
    const root = this.value(term);
    for (let next = this.#later.pop(); next !== undefined; next = this.#later.pop()) this.#make(next);
    return root;
  }

  #make(term: Term): void {
    this.#depth++;
    const body = choice(...this.#toWrite(term).map((shape, i) => this.#shape(shape, term, i)));
    this.#depth--;
    if (body === impossible) this.#values.set(term.id, impossible);
    this.#define(`value ${term.id}`, body);
  }

  /** A kind of value that the schema does not mention is written only if it allows nothing else. */
  #toWrite(term: Term): readonly Shape[] {
    const shapes = this.normalizer.shapesOf(term);
    const spoken = shapes.filter(({ implicit }) => !implicit);
    return spoken.length > 0 && !this.#silent ? spoken : shapes;
  }

  #shape(shape: Shape, term: Term, i: number): Expression {
    const { normalizer } = this;
    const options = {
      value: (inner: Term) => this.value(inner),
      define: (key: string, make: () => Expression) => this.#once(key, make),
      spend: (entries: number) => this.#spend(entries),
      terms: normalizer.terms,
      key: `value ${term.id} ${i}`,
      path: normalizer.pathOf(term),
    };
    switch (shape.kind) {
      case 'null':
        return text('null');
      case 'boolean':
        return shape.values.length === 2 ? boolean : text(String(shape.values[0]));
      case 'number':
        return within(options.path, () => numbers(shape.tests));
      case 'string':
        return strings(shape.tests);
      case 'is':
        return literal(shape.value);
      case 'array':
        return arrays(shape, { ...options, values: (inner) => this.#finite(inner) });
      case 'object':
        return objects(shape, options);
    }
  }

  /** All values of a term. Undefined if there are more than a few. */
  #finite(term: Term): readonly unknown[] | undefined {
    const values = this.#toWrite(term).map((shape): readonly unknown[] | undefined => {
      if (shape.kind === 'is') return [shape.value];
      if (shape.kind === 'null') return [null];
      if (shape.kind === 'boolean') return shape.values;
      if (shape.kind === 'string')
        return valuesAmong<string>(shape.tests as readonly TextTest[])?.filter((value) =>
          hasText(value, shape.tests),
        );
      if (shape.kind === 'number')
        return valuesAmong<number>(shape.tests as readonly NumberTest[])?.filter((value) =>
          hasNumber(value, shape.tests),
        );
      return undefined;
    });
    const all = values.flatMap((each) => each ?? []);
    return values.includes(undefined) || all.length > MOST_VALUES ? undefined : all;
  }

  #once(key: string, make: () => Expression): Expression {
    if (!this.rules.has(key)) {
      this.rules.set(key, nothing); // its own body may refer to it
      this.#define(key, make());
    }
    return this.rules.get(key) === impossible ? impossible : rule(key);
  }

  #spend(entries: number): void {
    this.#entries += entries;
    if (this.#entries > MOST_ENTRIES) {
      throw new ConstraintFault('it has too many optional properties', '', { costly: true });
    }
    spendStates(Math.floor(entries / ENTRIES_PER_STATE));
  }

  #define(name: string, body: Expression): void {
    this.rules.set(name, body);
    if (this.rules.size > MOST_RULES) {
      throw new ConstraintFault(`it needs more than ${MOST_RULES} rules`, '', { costly: true });
    }
  }
}

function numbers(tests: readonly NumberTest[]): Expression {
  if (tests.length === 0) return number;
  const [only] = tests;
  if (tests.length === 1 && only?.test === 'integer' && !only.negated) return integer;
  const values = valuesAmong<number>(tests as readonly NumberTest[]);
  // Written as in the schema, with an exponent if it has one.
  if (values !== undefined)
    return oneOf(values.filter((value) => hasNumber(value, tests)).map((value) => JSON.stringify(value)));
  return language(numberTexts(tests), 'itself');
}
