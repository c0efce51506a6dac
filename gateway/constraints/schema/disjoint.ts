// Whether no value satisfies both of two schemas, as far as that is plain to see: what oneOf needs. Pure.
import { isDeepStrictEqual } from 'node:util';
import type { Document } from './flatten.ts';
import { type Kind, kinds, type Schema, type SchemaObject } from './keywords.ts';
import { kindsOf, valuesOf } from './merge.ts';

/** Properties are looked into so deep. */
const DEEPEST = 4;

/** True: surely. False: perhaps not. */
export function areDisjoint(a: Schema, b: Schema, document: Document, depth = 0): boolean {
  const one = document.flatten(a);
  const other = document.flatten(b);
  if (one === false || other === false) return true;
  if (one === true || other === true) return false;
  if (!shareKind(one, other)) return true;
  const [ours, theirs] = [valuesOf(one), valuesOf(other)];
  if (ours !== undefined && theirs !== undefined) {
    return !ours.some((value) => theirs.some((each) => isDeepStrictEqual(value, each)));
  }
  const all = kindsIn(one).filter((kind) => kindsIn(other).includes(kind));
  if (!all.every((kind) => kind === 'object') || depth >= DEEPEST) return false;
  return haveDisjointProperty(one, other, document, depth) || excludes(one, other) || excludes(other, one);
}

function kindsIn(schema: SchemaObject): readonly Kind[] {
  const values = valuesOf(schema);
  if (values !== undefined) return values.map(kindOf);
  return schema.type === undefined ? kinds : kindsOf(schema.type);
}

export function kindOf(value: unknown): Kind {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value === 'string' ? 'string' : typeof value === 'boolean' ? 'boolean' : 'object';
}

function shareKind(a: SchemaObject, b: SchemaObject): boolean {
  const numeric = (kind: Kind) => (kind === 'integer' ? 'number' : kind);
  const ours = kindsIn(a).map(numeric);
  return kindsIn(b).some((kind) => ours.includes(numeric(kind)));
}

/** One that both require, with no value in common. */
function haveDisjointProperty(a: SchemaObject, b: SchemaObject, document: Document, depth: number): boolean {
  const required = (a.required ?? []).filter((name) => b.required?.includes(name));
  return required.some((name) => {
    return areDisjoint(a.properties?.[name] ?? true, b.properties?.[name] ?? true, document, depth + 1);
  });
}

/** `a` has no place for something that `b` requires. */
function excludes({ additionalProperties, properties = {} }: SchemaObject, { required = [] }: SchemaObject) {
  return additionalProperties === false && required.some((name) => !Object.hasOwn(properties, name));
}
