// A schema without references and without allOf: all that holds at once as one. Knows the document that references point into.
import { ConstraintFault } from '../fault.ts';
import { annotations, definitions, idle, type Schema, type SchemaObject } from './keywords.ts';
import { merge } from './merge.ts';
import { resolve } from './pointer.ts';

/** Schemas looked at, again and again where several refer to them. */
const MOST_VISITS = 50_000;

export class Document {
  readonly #root: Schema;
  #visits = 0;

  /** As check.ts has seen it. */
  constructor(root: Schema) {
    this.#root = root;
  }

  /** Throws a ConstraintFault where a reference leads in a circle, or two keywords cannot be met at once. */
  flatten(schema: Schema, followed: readonly string[] = []): Schema {
    if (++this.#visits > MOST_VISITS)
      throw new ConstraintFault('its references and alternatives multiply too much');
    if (typeof schema === 'boolean') return schema;
    const { $ref, allOf = [], ...own } = assertionsOf(schema);
    let flat: Schema = own;
    if ($ref !== undefined) flat = merge(flat, this.#follow($ref, followed));
    for (const each of allOf) flat = merge(flat, this.flatten(each, followed));
    return flat;
  }

  #follow(reference: string, followed: readonly string[]): Schema {
    if (followed.includes(reference)) {
      throw new ConstraintFault(`the reference ${JSON.stringify(reference)} leads back to itself`, '.$ref');
    }
    // check.ts has seen that a schema stands there.
    return this.flatten(resolve(reference, this.#root) as Schema, [...followed, reference]);
  }
}

function assertionsOf(schema: SchemaObject): SchemaObject {
  const silent = (name: string) =>
    annotations.has(name) || name in definitions || name in idle || name === '$id';
  return Object.fromEntries(Object.entries(schema).filter(([name]) => !silent(name)));
}
