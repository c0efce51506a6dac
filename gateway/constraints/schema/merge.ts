// Two schemas that hold at once as one. Pure; knows neither references nor grammars.
import { isDeepStrictEqual } from 'node:util';
import { ConstraintFault } from '../fault.ts';
import type { Kind, Schema, SchemaObject } from './keywords.ts';

/** What satisfies both. Throws a ConstraintFault that names the keyword where one schema cannot say it. */
export function merge(a: Schema, b: Schema): Schema {
  if (a === false || b === false) return false;
  if (a === true) return b;
  if (b === true) return a;
  const merged: SchemaObject = {
    ...onlyIn(a, b),
    ...onlyIn(b, a),
    ...bounds(a, b),
    ...same(a, b),
    ...objects(a, b),
    ...arrays(a, b),
  };
  if (a.type !== undefined && b.type !== undefined)
    merged.type = commonKinds(kindsOf(a.type), kindsOf(b.type));
  if (a.required !== undefined && b.required !== undefined) {
    merged.required = [...new Set([...a.required, ...b.required])];
  }
  const [ours, theirs] = [valuesOf(a), valuesOf(b)];
  if (ours !== undefined && theirs !== undefined) {
    delete merged.const;
    merged.enum = ours.filter((value) => theirs.some((other) => isDeepStrictEqual(value, other)));
  }
  if (a.anyOf !== undefined && b.anyOf !== undefined) {
    const others = b.anyOf;
    merged.anyOf = a.anyOf.flatMap((one) => others.map((other): Schema => ({ allOf: [one, other] })));
    if (merged.anyOf.length > 256)
      throw new ConstraintFault("'anyOf' within 'allOf' makes too many branches");
  }
  if (a.allOf !== undefined && b.allOf !== undefined) merged.allOf = [...a.allOf, ...b.allOf];
  return merged;
}

/** The values that `enum` and `const` leave. */
export function valuesOf(schema: SchemaObject): readonly unknown[] | undefined {
  const { enum: listed } = schema;
  if (!('const' in schema)) return listed;
  return listed === undefined || listed.some((value) => isDeepStrictEqual(value, schema.const))
    ? [schema.const]
    : [];
}

export function kindsOf(type: NonNullable<SchemaObject['type']>): readonly Kind[] {
  return typeof type === 'string' ? [type] : type;
}

function commonKinds(a: readonly Kind[], b: readonly Kind[]): Kind[] {
  const of = (kind: Kind, others: readonly Kind[]) => {
    return others.includes(kind) || (kind === 'integer' && others.includes('number'));
  };
  return [...new Set([...a.filter((kind) => of(kind, b)), ...b.filter((kind) => of(kind, a))])];
}

function onlyIn(a: SchemaObject, b: SchemaObject): SchemaObject {
  return Object.fromEntries(Object.entries(a).filter(([name]) => !Object.hasOwn(b, name)));
}

const highest = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems'] as const;
const lowest = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems'] as const;

function bounds(a: SchemaObject, b: SchemaObject): SchemaObject {
  const tighter: SchemaObject = {};
  for (const name of highest) {
    if (a[name] !== undefined && b[name] !== undefined) tighter[name] = Math.max(a[name], b[name]);
  }
  for (const name of lowest) {
    if (a[name] !== undefined && b[name] !== undefined) tighter[name] = Math.min(a[name], b[name]);
  }
  return tighter;
}

/** Keywords of which two values would need a grammar of what satisfies both. */
function same(a: SchemaObject, b: SchemaObject): SchemaObject {
  const kept: SchemaObject = {};
  for (const name of ['pattern', 'format', 'multipleOf', 'oneOf', '$ref'] as const) {
    if (a[name] === undefined || b[name] === undefined) continue;
    if (!isDeepStrictEqual(a[name], b[name])) {
      throw new ConstraintFault(`two values of '${name}' that must hold at once are not supported`);
    }
    Object.assign(kept, { [name]: a[name] });
  }
  return kept;
}

function objects(a: SchemaObject, b: SchemaObject): SchemaObject {
  const merged: SchemaObject = {};
  if (a.properties !== undefined || b.properties !== undefined) {
    const names = new Set([...Object.keys(a.properties ?? {}), ...Object.keys(b.properties ?? {})]);
    merged.properties = Object.fromEntries(
      Array.from(names, (name) => [name, both(propertyOf(a, name), propertyOf(b, name))]),
    );
  }
  if (a.additionalProperties !== undefined && b.additionalProperties !== undefined) {
    merged.additionalProperties = both(a.additionalProperties, b.additionalProperties);
  }
  return merged;
}

function propertyOf({ properties = {}, additionalProperties }: SchemaObject, name: string): Schema {
  return (Object.hasOwn(properties, name) ? properties[name] : additionalProperties) ?? true;
}

function arrays(a: SchemaObject, b: SchemaObject): SchemaObject {
  const merged: SchemaObject = {};
  const length = Math.max(a.prefixItems?.length ?? 0, b.prefixItems?.length ?? 0);
  if (length > 0) {
    const at = ({ prefixItems = [], items }: SchemaObject, i: number) => prefixItems[i] ?? items ?? true;
    merged.prefixItems = Array.from({ length }, (_, i) => both(at(a, i), at(b, i)));
  }
  if (a.items !== undefined && b.items !== undefined) merged.items = both(a.items, b.items);
  return merged;
}

/** Merged only when it is looked into: it may refer to itself. */
function both(a: Schema, b: Schema): Schema {
  if (a === true || isDeepStrictEqual(a, b)) return b;
  if (b === true) return a;
  return a === false || b === false ? false : { allOf: [a, b] };
}
