// Translates a schema into the grammar of the JSON texts that satisfy it. Each term (terms.ts) becomes one rule, however often it
// is used, so that recursive schemas can be translated.

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
import {
  anyOf,
  integer,
  jsonRules,
  jsonWords,
  literal,
  number,
  pythonRules,
  pythonWords,
  type Words,
} from '../grammar/json-text.ts';
import { spendStates, withinStates } from '../reading/budget.ts';
import { arrays } from './arrays.ts';
import { Document } from './document.ts';
import { isSchema } from './keywords.ts';
import { type NumberTest, numbersAmong, numberTexts } from './numbers.ts';
import { jsonObjects, type ObjectNotation, objects, type WriteOptions } from './objects.ts';
import { productive } from './productive.ts';
import { Normalizer } from './shapes/normal.ts';
import type { Shape } from './shapes/shapes.ts';
import { any, type Term } from './shapes/terms.ts';
import { strings, textsAmong } from './texts.ts';

/** Most states of all automata of a schema. Making them takes a second. */
const MOST_STATES = 100_000;
/** Most rules of the grammar of a schema. */
const MOST_RULES = 100_000;
/** Most entries of all lists of properties together. The list of a rule has the properties that may come next. */
const MOST_ENTRIES = 1_000_000;
/** Writing this many entries takes as long as making one state of an automaton. */
const ENTRIES_PER_STATE = 20;
/** Largest depth to which rules are made recursively. Rules of deeper values are made later, because the stack is limited. */
const DEEPEST_RULE = 30;
/** Largest depth of a schema's JSON. */
const DEEPEST_VALUE = 100;
/** Most values that the items of an array with `uniqueItems` may have. */
const MOST_VALUES = 200;

export interface SchemaOptions {
  /** The grammar allows only values that are objects. */
  objects?: boolean;
  /** Default: JSON. */
  words?: Words;
  /** Makes the notation of the object itself; objects within it are written as in JSON. Default: JSON. */
  notation?: (tools: NotationTools) => ObjectNotation;
}

/** What a notation may use to write values. */
export interface NotationTools {
  /** Writes a value that satisfies the term. */
  value: (term: Term) => Expression;
  /** The shapes of the term that a grammar writes. */
  shapes: (term: Term) => readonly Shape[];
  terms: Normalizer['terms'];
}

/** Throws a ConstraintFault if the schema cannot be honoured. If one keyword is the cause, the fault's path names it. */
export function schemaGrammar(schema: unknown, options: SchemaOptions = {}): Grammar {
  const { objects: only = false, words = jsonWords, notation } = options;
  const rules = words === pythonWords ? pythonRules : jsonRules;
  refuseDeep(schema);
  if (!isSchema(schema)) {
    throw new ConstraintFault('expected a schema: an object, or true or false', '', { invalid: true });
  }
  const normalizer = new Normalizer(new Document(schema));
  const { terms } = normalizer;
  const asked = only ? terms.all(terms.of(schema), terms.of({ type: 'object' })) : terms.of(schema);
  for (const silent of [false, true]) {
    const writer = new Writer(normalizer, { silent, words });
    const root = withinStates(MOST_STATES, () => writer.root(asked, notation));
    const grammar = productive({ root, rules: new Map([...rules, ...writer.rules]) });
    if (grammar.root !== impossible) return grammar;
  }
  if (!normalizer.narrowed) throw new ConstraintFault('no value satisfies it', '', { invalid: true });
  throw new ConstraintFault('this server finds no value that satisfies it');
}

/** Refuses a schema that is too deep for functions that recurse into it, and numbers that JSON.parse has turned into infinity. */
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
  /** By the id of the term. */
  readonly #written = new Map<number, Expression>();
  readonly #silent: boolean;
  readonly #words: Words;
  /** Terms whose rules are still to be made. */
  readonly #later: Term[] = [];
  #depth = 0;
  #entries = 0;

  /** `silent`: the grammar also has values of kinds that a schema does not mention. */
  constructor(normalizer: Normalizer, { silent, words }: { silent: boolean; words: Words }) {
    this.normalizer = normalizer;
    this.#silent = silent;
    this.#words = words;
  }

  value(term: Term): Expression {
    if (term === any) return anyOf(this.#words).value;
    const known = this.#written.get(term.id);
    if (known !== undefined) return known;
    this.#written.set(term.id, rule(`value ${term.id}`)); // the rule's own body may refer to the rule
    if (this.#depth >= DEEPEST_RULE) this.#later.push(term);
    else this.#make(term);
    return this.#written.get(term.id) ?? impossible;
  }

  /** The expression of the root. Makes the rules of all values within it. */
  root(term: Term, notation?: SchemaOptions['notation']): Expression {
    const root = notation === undefined ? this.value(term) : this.#noted(term, notation);
    for (let next = this.#later.pop(); next !== undefined; next = this.#later.pop()) this.#make(next);
    return root;
  }

  /** The objects of the term in another notation than JSON. */
  #noted(term: Term, make: NonNullable<SchemaOptions['notation']>): Expression {
    const value = (inner: Term) => this.value(inner);
    const shapes = (inner: Term) => this.#toWrite(inner);
    const notation = make({ value, shapes, terms: this.normalizer.terms });
    const written = this.#toWrite(term).map((shape, i) => {
      if (shape.kind === 'is') {
        const why = 'an object that is given as a value is not supported in this syntax of calls';
        throw new ConstraintFault(why, this.normalizer.pathOf(term));
      }
      return shape.kind === 'object'
        ? objects(shape, { ...this.#options(term, `noted ${i}`), notation })
        : impossible;
    });
    return choice(...written);
  }

  #make(term: Term): void {
    this.#depth++;
    const body = choice(...this.#toWrite(term).map((shape, i) => this.#shape(shape, term, i)));
    this.#depth--;
    if (body === impossible) this.#written.set(term.id, impossible);
    this.#define(`value ${term.id}`, body);
  }

  /** The shapes of a term. A kind of value that the schema does not mention is left out, unless the schema allows no other kind. */
  #toWrite(term: Term): readonly Shape[] {
    const shapes = this.normalizer.shapesOf(term);
    const spoken = shapes.filter(({ implicit }) => !implicit);
    return spoken.length > 0 && !this.#silent ? spoken : shapes;
  }

  #options(term: Term, shape: string): WriteOptions {
    const { normalizer } = this;
    return {
      value: (inner: Term) => this.value(inner),
      anyObject: anyOf(this.#words).object,
      notation: jsonObjects,
      values: (inner: Term) => this.#values(inner),
      define: (key: string, make: () => Expression) => this.#once(key, make),
      spend: (entries: number) => this.#spend(entries),
      terms: normalizer.terms,
      key: `value ${term.id} ${shape}`,
      path: normalizer.pathOf(term),
    };
  }

  #shape(shape: Shape, term: Term, i: number): Expression {
    const options = this.#options(term, String(i));
    const words = this.#words;
    switch (shape.kind) {
      case 'null':
        return text(words.null);
      case 'boolean':
        return choice(...shape.values.map((value) => text(words[value ? 'true' : 'false'])));
      case 'number':
        return within(options.path, () => numbers(shape.tests));
      case 'string':
        return strings(shape.tests);
      case 'is':
        return literal(shape.value, words);
      case 'array':
        return arrays(shape, options);
      case 'object':
        return objects(shape, options);
    }
  }

  /** All values of a term. Undefined if they are not listed, or if there are more than MOST_VALUES. */
  #values(term: Term): readonly unknown[] | undefined {
    const values = this.#toWrite(term).map(valuesOfShape);
    const all = values.flatMap((each) => each ?? []);
    return values.includes(undefined) || all.length > MOST_VALUES ? undefined : all;
  }

  #once(key: string, make: () => Expression): Expression {
    if (!this.rules.has(key)) {
      this.rules.set(key, nothing); // the rule's own body may refer to the rule
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

/** The values of a shape, if they are listed. */
function valuesOfShape(shape: Shape): readonly unknown[] | undefined {
  switch (shape.kind) {
    case 'is':
      return [shape.value];
    case 'null':
      return [null];
    case 'boolean':
      return shape.values;
    case 'string':
      return textsAmong(shape.tests);
    case 'number':
      return numbersAmong(shape.tests);
    default:
      return undefined;
  }
}

function numbers(tests: readonly NumberTest[]): Expression {
  if (tests.length === 0) return number;
  const [only] = tests;
  if (tests.length === 1 && only?.test === 'integer' && !only.negated) return integer;
  // Listed numbers are written as JavaScript writes them, perhaps with an exponent.
  const values = numbersAmong(tests);
  if (values !== undefined) return oneOf(values.map((value) => JSON.stringify(value)));
  return language(numberTexts(tests), 'itself');
}
