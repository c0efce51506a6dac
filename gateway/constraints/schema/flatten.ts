// A schema without references and without allOf: all that holds at once as one. Knows the document that references point into.
import { ConstraintFault } from '../fault.ts';
import { annotations, definitions, idle, type Schema, type SchemaObject } from './keywords.ts';
import { merge } from './merge.ts';
import { resolve } from './pointer.ts';

/** Throws a ConstraintFault where a reference leads in a circle, or two keywords cannot be met at once. */
export function flatten(schema: Schema, root: Schema, followed: readonly string[] = []): Schema {
  if (typeof schema === 'boolean') return schema;
  const { $ref, allOf = [], ...own } = assertionsOf(schema);
  let flat: Schema = own;
  if ($ref !== undefined) flat = merge(flat, follow($ref, root, followed));
  for (const each of allOf) flat = merge(flat, flatten(each, root, followed));
  return flat;
}

function follow(reference: string, root: Schema, followed: readonly string[]): Schema {
  if (followed.includes(reference)) {
    throw new ConstraintFault(`the reference ${JSON.stringify(reference)} leads back to itself`, '.$ref');
  }
  // check.ts has seen that a schema stands there.
  return flatten(resolve(reference, root) as Schema, root, [...followed, reference]);
}

function assertionsOf(schema: SchemaObject): SchemaObject {
  const silent = (name: string) =>
    annotations.has(name) || name in definitions || name in idle || name === '$id';
  return Object.fromEntries(Object.entries(schema).filter(([name]) => !silent(name)));
}
