// Shapes: sets of values of one kind that pass tests of that kind. The values of a term are those of a list of shapes.
//
// Worked example: {"type": "object", "required": ["a"], "properties": {"a": {"type": "null"}}} is one shape:
//   { kind: 'object', implicit: false, properties: Map { 'a' => term }, required: Set { 'a' }, least: 0, most: Infinity, some: [],
//     others: [{ names: everyText, term: any, implicit: true }] }
import { type Dfa, everyText } from '../../language/dfa.ts';
import type { Kind } from '../keywords.ts';
import type { NumberTest } from '../numbers.ts';
import type { TextTest } from '../texts.ts';
import { any, type Term } from './terms.ts';

/** `least` and `most` bound the number of items or properties. */
interface ShapeOf {
  null: object;
  boolean: { values: readonly boolean[] };
  number: { tests: readonly NumberTest[] };
  string: { tests: readonly TextTest[] };
  array: {
    prefix: readonly Term[];
    /** `prefix` has the terms of the first items; `rest` is the term of all further items. */
    rest: Term;
    /** The schema does not mention the further items, so an answer has only as many of them as it must. */
    restImplicit: boolean;
    least: number;
    most: number;
    some: readonly SomeItems[];
    /** Path of `uniqueItems`, if all items must differ. */
    unique: string | undefined;
  };
  object: {
    properties: ReadonlyMap<string, Term>;
    /** Properties with other names. The sets of names do not overlap. A name that is in no set is forbidden. */
    others: readonly OtherNames[];
    required: ReadonlySet<string>;
    least: number;
    most: number;
    some: readonly SomeProperty[];
  };
}

/** From `least` to `most` of the items from index `from` on satisfy the term. */
export interface SomeItems {
  from: number;
  term: Term;
  least: number;
  most: number;
}

export interface OtherNames {
  names: Dfa;
  term: Term;
  /** The schema does not mention these properties, so an answer has them only if it must. */
  implicit: boolean;
}

/** At least one property has a name that is in `names` but not in `properties`, and a value that satisfies the term. */
interface SomeProperty {
  names: Dfa;
  term: Term;
}

/**
 * `implicit`: the schema does not mention values of this kind, so they are written only if the schema allows nothing else. The kind
 * `is` stands for exactly this object or array. Single values of other kinds have shapes of their kind.
 */
export type Shape =
  | { [K in Kind]: { kind: K; implicit: boolean } & ShapeOf[K] }[Kind]
  | { kind: 'is'; implicit: false; value: object };

export type ObjectShape = Extract<Shape, { kind: 'object' }>;
export type ArrayShape = Extract<Shape, { kind: 'array' }>;

export const anyBoolean: readonly boolean[] = [true, false];

/** The shape of all values of a kind. */
export function universal(kind: Kind, implicit = false): Shape {
  switch (kind) {
    case 'null':
      return { kind, implicit };
    case 'boolean':
      return { kind, implicit, values: anyBoolean };
    case 'number':
    case 'string':
      return { kind, implicit, tests: [] };
    case 'array':
      return { kind, implicit, ...anyArray };
    case 'object':
      return { kind, implicit, ...anyObject };
  }
}

export const anyArray: ShapeOf['array'] = {
  prefix: [],
  rest: any,
  restImplicit: true,
  least: 0,
  most: Number.POSITIVE_INFINITY,
  some: [],
  unique: undefined,
};

export const anyObject: ShapeOf['object'] = {
  properties: new Map(),
  others: [{ names: everyText, term: any, implicit: true }],
  required: new Set(),
  least: 0,
  most: Number.POSITIVE_INFINITY,
  some: [],
};

/** The kind of a JSON value. */
export function kindOf(value: unknown): Kind {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  const type = typeof value;
  return type === 'number' || type === 'string' || type === 'boolean' ? type : 'object';
}

/** The kind of the values that have this shape. */
export function kindOfShape(shape: Shape): Kind {
  return shape.kind === 'is' ? kindOf(shape.value) : shape.kind;
}
