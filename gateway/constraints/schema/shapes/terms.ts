// Terms: requirements on a value, as a tree over the schemas of one document. Equal terms are one object.

import type { Schema } from '../keywords.ts';
import type { SchemaNode } from '../pointer.ts';

export type Term = { readonly id: number } & (
  | { kind: 'any' }
  | { kind: 'never' }
  | { kind: 'schema'; node: SchemaNode }
  /** The value satisfies all of these terms. There are at least two, and none is of kind `all`. */
  | { kind: 'all'; of: readonly Term[] }
  | { kind: 'not'; of: Term }
  /** The value is equal to this JSON value. */
  | { kind: 'is'; value: unknown }
);

export const any: Term = { id: 0, kind: 'any' };
export const never: Term = { id: 1, kind: 'never' };

export class Terms {
  readonly #nodes = new Map<SchemaNode, Term>();
  readonly #others = new Map<string, Term>();
  #ids = 2;

  of(schema: Schema): Term {
    if (typeof schema === 'boolean') return schema ? any : never;
    const known = this.#nodes.get(schema);
    if (known !== undefined) return known;
    const made: Term = { id: this.#ids++, kind: 'schema', node: schema };
    this.#nodes.set(schema, made);
    return made;
  }

  all(...terms: readonly Term[]): Term {
    const flat = new Map<number, Term>();
    for (const term of terms)
      for (const each of term.kind === 'all' ? term.of : [term]) flat.set(each.id, each);
    if (flat.has(never.id)) return never;
    flat.delete(any.id);
    const of = [...flat.values()].sort((a, b) => a.id - b.id);
    const [only] = of;
    if (only === undefined) return any;
    if (of.length === 1) return only;
    return this.#once(`all ${of.map(({ id }) => id).join(' ')}`, (id) => ({ id, kind: 'all', of }));
  }

  not(term: Term): Term {
    if (term.kind === 'any') return never;
    if (term.kind === 'never') return any;
    if (term.kind === 'not') return term.of;
    return this.#once(`not ${term.id}`, (id) => ({ id, kind: 'not', of: term }));
  }

  is(value: unknown): Term {
    return this.#once(`is ${JSON.stringify(value)}`, (id) => ({ id, kind: 'is', value }));
  }

  #once(key: string, make: (id: number) => Term): Term {
    const known = this.#others.get(key);
    if (known !== undefined) return known;
    const made = make(this.#ids++);
    this.#others.set(key, made);
    return made;
  }
}
