// From a checked schema to the grammar of the JSON texts that satisfy it. Each schema becomes one rule, however often it is
// used, so that recursion ends.
import { checkGrammar } from '../check.ts';
import { choice, type Expression, type Grammar, impossible, nothing, rule, text } from '../expression.ts';
import { ConstraintFault, within } from '../fault.ts';
import { anyValue, boolean, integer, jsonRules, literal, number } from '../json-text.ts';
import { arrays } from './arrays.ts';
import { checkSchema } from './check.ts';
import { areDisjoint, kindOf } from './disjoint.ts';
import { Document } from './flatten.ts';
import { type Kind, kindOfKeyword, kinds, type Schema, type SchemaObject } from './keywords.ts';
import { kindsOf, valuesOf } from './merge.ts';
import { integers, numbers } from './numbers.ts';
import { objects } from './objects.ts';
import { strings } from './strings.ts';

const MOST_RULES = 20_000;
/** Each takes some thousand expressions. */
const MOST_BOUNDED_NUMBERS = 200;

/** Throws a ConstraintFault whose path names the keyword at fault, as far as it is one keyword's. */
export function schemaGrammar(schema: unknown): Grammar {
  checkSchema(schema);
  const translator = new Translator(schema);
  const root = translator.value(schema, '');
  if (root === impossible) throw new ConstraintFault('no value satisfies it');
  const grammar = { root, rules: new Map([...jsonRules, ...translator.rules]) };
  try {
    checkGrammar(grammar);
  } catch (cause) {
    if (!(cause instanceof ConstraintFault)) throw cause;
    throw new ConstraintFault(
      'some part of it has no value of finite size, or is nothing but a reference to itself',
    );
  }
  return grammar;
}

class Translator {
  readonly rules = new Map<string, Expression>();
  readonly #document: Document;
  #numbers = 0;
  /** By the schema as JSON. */
  readonly #values = new Map<string, Expression>();

  constructor(root: Schema) {
    this.#document = new Document(root);
  }

  /** `path`: of the schema that is being looked into, for errors. */
  value(schema: Schema, path: string): Expression {
    const flat = within(path, () => this.#document.flatten(schema));
    if (flat === false) return impossible;
    if (flat === true || Object.keys(flat).length === 0) return anyValue;
    const key = JSON.stringify(flat);
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const name = `schema ${this.#values.size}`;
    this.#values.set(key, rule(name));
    const body = this.#body(flat, path, name);
    if (body === impossible) this.#values.set(key, impossible);
    else this.#define(name, body);
    return body === impossible ? impossible : rule(name);
  }

  #body(schema: SchemaObject, path: string, name: string): Expression {
    const { anyOf, oneOf, ...base } = schema;
    if (anyOf !== undefined) {
      return this.#anyOf(anyOf, oneOf === undefined ? base : { ...base, oneOf }, `${path}.anyOf`);
    }
    if (oneOf !== undefined) {
      this.#requireDisjoint(oneOf, `${path}.oneOf`);
      return this.#anyOf(oneOf, base, `${path}.oneOf`);
    }
    const values = valuesOf(schema);
    if (values !== undefined) return constants(schema, values, path);
    const all = kindsToWrite(schema).map((kind) => this.#kind(kind, schema, path, name));
    return choice(...all);
  }

  #anyOf(branches: readonly Schema[], base: SchemaObject, path: string): Expression {
    const all = branches.map((branch, i) => {
      const both = Object.keys(base).length === 0 ? branch : { allOf: [base, branch] };
      return this.value(both, `${path}[${i}]`);
    });
    return choice(...all);
  }

  #kind(kind: Kind, schema: SchemaObject, path: string, name: string): Expression {
    const define = (key: string, make: () => Expression) => this.#once(key, make);
    const value = (inner: Schema, at: string) => this.value(inner, path + at);
    switch (kind) {
      case 'object':
        return objects(schema, { value, define, key: name });
      case 'array':
        return arrays(schema, value);
      case 'string':
        return within(path, () => strings(schema));
      case 'number':
        return within(path, () => this.#counted(() => numbers(schema, define)));
      case 'integer':
        return within(path, () => this.#counted(() => integers(schema, define)));
      case 'boolean':
        return boolean;
      case 'null':
        return text('null');
    }
  }

  /** Numbers without bounds are one expression, made once. */
  #counted(make: () => Expression): Expression {
    const made = make();
    if (made === number || made === integer || ++this.#numbers <= MOST_BOUNDED_NUMBERS) return made;
    throw new ConstraintFault(`it has more than ${MOST_BOUNDED_NUMBERS} numbers with bounds of their own`);
  }

  #requireDisjoint(branches: readonly Schema[], path: string): void {
    for (const [i, one] of branches.entries()) {
      const twin = branches.findIndex(
        (other, j) => j > i && !within(path, () => areDisjoint(one, other, this.#document)),
      );
      if (twin < 0) continue;
      const message = `branches ${i} and ${twin} may hold at once, which cannot be ruled out while a text is written; use anyOf, or give each a required property with a const of its own`;
      throw new ConstraintFault(message, path);
    }
  }

  #once(key: string, make: () => Expression): Expression {
    if (!this.rules.has(key)) {
      this.rules.set(key, nothing); // its own body may refer to it
      this.#define(key, make());
    }
    return rule(key);
  }

  #define(name: string, body: Expression): void {
    this.rules.set(name, body);
    this.#bound();
  }

  #bound(): void {
    if (this.rules.size > MOST_RULES) throw new ConstraintFault(`it needs more than ${MOST_RULES} rules`);
  }
}

/** Kinds of which values are written: where `type` is silent, those that the other keywords speak of. */
function kindsToWrite(schema: SchemaObject): readonly Kind[] {
  if (schema.type !== undefined) {
    const all = kindsOf(schema.type);
    return all.includes('number') ? all.filter((kind) => kind !== 'integer') : all;
  }
  const named = Object.entries(kindOfKeyword).flatMap(([name, kind]) => (name in schema ? [kind] : []));
  const all = named.length > 0 ? new Set(named) : new Set(kinds.filter((kind) => kind !== 'integer'));
  return [...all];
}

function constants(schema: SchemaObject, values: readonly unknown[], path: string): Expression {
  const beside = Object.keys(schema).find((name) => !['enum', 'const', 'type'].includes(name));
  if (beside !== undefined) {
    throw new ConstraintFault(`'${beside}' beside 'enum' or 'const' is not supported`, `${path}.${beside}`);
  }
  const { type } = schema;
  const listed = values.filter((value) => type === undefined || isOfKind(value, kindsOf(type)));
  return choice(...listed.map(literal));
}

function isOfKind(value: unknown, allowed: readonly Kind[]): boolean {
  const kind = kindOf(value);
  return allowed.includes(kind) || (kind === 'integer' && allowed.includes('number'));
}
