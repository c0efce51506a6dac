// The table of supported JSON Schema keywords (2020-12, and drafts 4 to 7 by their older names), and the
// function that reads a schema by it. Unsupported keywords are refused by name. Other names are ignored.
import { ConstraintFault } from '../fault.ts';
import type { SchemaNode } from './pointer.ts';
import { isObject, step } from './pointer.ts';

export const kinds = ['object', 'array', 'string', 'number', 'boolean', 'null'] as const;
export type Kind = (typeof kinds)[number];

export type Schema = boolean | SchemaNode;
export type SchemaMap = Readonly<Record<string, Schema>>;

/** A schema after reading: checked, with the newest spellings, without annotations. */
export interface Keywords {
  /** Undefined for any type. `integer` is listed separately from `number`. */
  type?: readonly (Kind | 'integer')[];
  enum?: readonly unknown[];
  const?: unknown;
  properties?: SchemaMap;
  patternProperties?: SchemaMap;
  additionalProperties?: Schema;
  propertyNames?: Schema;
  required?: readonly string[];
  minProperties?: number;
  maxProperties?: number;
  dependentRequired?: Readonly<Record<string, readonly string[]>>;
  dependentSchemas?: SchemaMap;
  prefixItems?: readonly Schema[];
  items?: Schema;
  contains?: Schema;
  minContains?: number;
  maxContains?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  anyOf?: readonly Schema[];
  oneOf?: readonly Schema[];
  allOf?: readonly Schema[];
  not?: Schema;
  if?: Schema;
  then?: Schema;
  else?: Schema;
  $ref?: string;
}

/** Allowed values of a keyword: schemas, or any value for which the function returns no objection. */
type Rule = 'schema' | 'schemas' | 'someSchemas' | 'schemaMap' | ((value: unknown) => string | undefined);

const count: Rule = (value) => {
  return Number.isInteger(value) && Number(value) >= 0 ? undefined : 'expected a whole number from 0';
};
const number: Rule = (value) => (typeof value === 'number' ? undefined : 'expected a number');
const string: Rule = (value) => (typeof value === 'string' ? undefined : 'expected a string');
const names: Rule = (value) => {
  const sound = Array.isArray(value) && value.every((name) => typeof name === 'string');
  return sound ? undefined : 'expected a list of names';
};
/** In draft 4, an exclusive bound is a boolean that modifies `minimum` or `maximum`. */
const bound: Rule = (value) => (typeof value === 'boolean' ? undefined : number(value));

/** Keywords that a value must satisfy. */
export const assertions: Readonly<Record<keyof Keywords, Rule>> = {
  type: (value) => {
    const all: unknown[] = Array.isArray(value) ? value : [value];
    const known: readonly unknown[] = [...kinds, 'integer'];
    if (all.length > 0 && all.every((name) => known.includes(name) || name === 'any')) return undefined;
    return `expected one of ${known.join(', ')}, or a list of them`;
  },
  enum: (value) => (Array.isArray(value) && value.length > 0 ? undefined : 'expected a list of values'),
  const: () => undefined,
  properties: 'schemaMap',
  patternProperties: 'schemaMap',
  additionalProperties: 'schema',
  propertyNames: 'schema',
  // In draft 3 this is a flag in the property's own schema.
  required: (value) => (typeof value === 'boolean' ? undefined : names(value)),
  minProperties: count,
  maxProperties: count,
  dependentRequired: (value) => {
    const sound = isObject(value) && Object.values(value).every((each) => names(each) === undefined);
    return sound ? undefined : 'expected an object of lists of names';
  },
  dependentSchemas: 'schemaMap',
  prefixItems: 'schemas',
  items: 'schema',
  contains: 'schema',
  minContains: count,
  maxContains: count,
  minItems: count,
  maxItems: count,
  uniqueItems: (value) => (typeof value === 'boolean' ? undefined : 'expected true or false'),
  minLength: count,
  maxLength: count,
  pattern: string,
  format: string,
  minimum: number,
  maximum: number,
  exclusiveMinimum: bound,
  exclusiveMaximum: bound,
  multipleOf: (value) => (typeof value === 'number' && value > 0 ? undefined : 'expected a number above 0'),
  anyOf: 'someSchemas',
  oneOf: 'someSchemas',
  allOf: 'someSchemas',
  not: 'schema',
  if: 'schema',
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: 'schema',
  else: 'schema',
  $ref: string,
};

/** Older spellings, and keywords whose schemas are only referred to. */
const others: Readonly<Record<string, Rule>> = {
  $defs: 'schemaMap',
  definitions: 'schemaMap',
  additionalItems: 'schema',
  dependencies: (value) => (isObject(value) ? undefined : 'expected an object'),
};

/** Unsupported keywords, each with the values (JSON) that assert nothing. */
const unheld: Readonly<Record<string, readonly string[]>> = {
  unevaluatedProperties: ['true', '{}'],
  unevaluatedItems: ['true', '{}'],
  $dynamicRef: [],
  $recursiveRef: [],
  extends: [],
  disallow: [],
  divisibleBy: [],
};

/** The kind of values that a keyword applies to. */
export const kindOfKeyword: Readonly<Partial<Record<keyof Keywords, Kind>>> = {
  properties: 'object',
  patternProperties: 'object',
  additionalProperties: 'object',
  propertyNames: 'object',
  required: 'object',
  minProperties: 'object',
  maxProperties: 'object',
  dependentRequired: 'object',
  dependentSchemas: 'object',
  prefixItems: 'array',
  items: 'array',
  contains: 'array',
  minItems: 'array',
  maxItems: 'array',
  uniqueItems: 'array',
  minLength: 'string',
  maxLength: 'string',
  pattern: 'string',
  format: 'string',
  minimum: 'number',
  maximum: 'number',
  exclusiveMinimum: 'number',
  exclusiveMaximum: 'number',
  multipleOf: 'number',
};

interface Location {
  schema: unknown;
  /** Path from the containing schema, such as `.properties.a`. */
  path: string;
}

/** The subschemas of a schema, even invalid ones. */
export function locationsOf(node: SchemaNode): Location[] {
  return Object.entries(node).flatMap(([name, held]) => {
    const rule = rules.get(name);
    const at = step(name);
    if (rule === 'schema' && !Array.isArray(held)) return [{ schema: held, path: at }];
    if (Array.isArray(held) && (rule === 'schemas' || rule === 'someSchemas' || name === 'items')) {
      return held.map((schema: unknown, i) => ({ schema, path: `${at}[${i}]` }));
    }
    if (isObject(held) && (rule === 'schemaMap' || name === 'dependencies')) {
      return Object.entries(held).map(([key, schema]) => ({ schema, path: at + step(key) }));
    }
    return [];
  });
}

const rules: ReadonlyMap<string, Rule> = new Map(Object.entries({ ...assertions, ...others }));

/** Throws a ConstraintFault that names the keyword that is unsupported or has an invalid value. */
export function readKeywords(node: SchemaNode, document: { path(node: SchemaNode): string }): Keywords {
  const path = document.path(node);
  for (const [name, held] of Object.entries(node)) {
    const at = path + step(name);
    const idle = Object.hasOwn(unheld, name) ? unheld[name] : undefined;
    if (idle !== undefined && !idle.includes(JSON.stringify(held))) {
      throw new ConstraintFault(`the keyword '${name}' is not supported`, at);
    }
    const rule = rules.get(name);
    if (rule === undefined) continue;
    const wrong = faultOf(name === 'items' && Array.isArray(held) ? 'schemas' : rule, held);
    if (wrong !== undefined) throw new ConstraintFault(wrong.message, at + wrong.path, { invalid: true });
  }
  return newest(node);
}

function faultOf(rule: Rule, held: unknown): { message: string; path: string } | undefined {
  if (typeof rule === 'function') {
    const message = rule(held);
    return message === undefined ? undefined : { message, path: '' };
  }
  if (rule === 'schema') return isSchema(held) ? undefined : { message: NO_SCHEMA, path: '' };
  if (rule === 'schemas' || rule === 'someSchemas') {
    if (!Array.isArray(held) || (rule === 'someSchemas' && held.length === 0)) {
      return { message: 'expected a list of schemas', path: '' };
    }
    const at = held.findIndex((each) => !isSchema(each));
    return at < 0 ? undefined : { message: NO_SCHEMA, path: `[${at}]` };
  }
  if (!isObject(held)) return { message: 'expected an object of schemas', path: '' };
  const wrong = Object.keys(held).find((name) => !isSchema(held[name]));
  return wrong === undefined ? undefined : { message: NO_SCHEMA, path: step(wrong) };
}

const NO_SCHEMA = 'expected a schema: an object, or true or false';

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'boolean' || isObject(value);
}

/** Converts a checked node to the newest draft's spellings. */
function newest(node: SchemaNode): Keywords {
  const given = Object.fromEntries(Object.entries(node).filter(([name]) => Object.hasOwn(assertions, name)));
  const read: Keywords = {
    ...given,
    ...typesOf(node.type),
    ...itemsOf(node),
    ...boundsOf(node),
    ...dependentsOf(node),
  };
  if (typeof node.required === 'boolean') delete read.required;
  const flagged = Object.entries(read.properties ?? {}).filter(
    ([, each]) => isObject(each) && each.required === true,
  );
  if (flagged.length > 0) read.required = [...(read.required ?? []), ...flagged.map(([name]) => name)];
  return read;
}

function typesOf(type: unknown): Pick<Keywords, 'type'> {
  if (type === undefined) return {};
  const all = (Array.isArray(type) ? type : [type]) as (Kind | 'integer' | 'any')[];
  const named = all.filter((name) => name !== 'any');
  return { type: named.length === all.length ? named : undefined } as Pick<Keywords, 'type'>;
}

/**
 * Up to draft 2019-09, a list in `items` means what `prefixItems` means now, and `additionalItems` means
 * what `items` means now.
 */
function itemsOf({ items, additionalItems }: SchemaNode): Pick<Keywords, 'prefixItems' | 'items'> {
  if (!Array.isArray(items)) return {};
  return {
    prefixItems: items as Schema[],
    items: isSchema(additionalItems) ? additionalItems : undefined,
  } as Keywords;
}

function boundsOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: SchemaNode): Keywords {
  const flags: Record<string, number | undefined> = {};
  if (typeof exclusiveMinimum === 'boolean') {
    flags.exclusiveMinimum = exclusiveMinimum && typeof minimum === 'number' ? minimum : undefined;
  }
  if (typeof exclusiveMaximum === 'boolean') {
    flags.exclusiveMaximum = exclusiveMaximum && typeof maximum === 'number' ? maximum : undefined;
  }
  return flags as Keywords;
}

/** Up to draft 7 one keyword holds both lists of names and schemas. */
function dependentsOf({ dependencies, ...node }: SchemaNode): Keywords {
  if (!isObject(dependencies)) return {};
  const all = Object.entries(dependencies).map(
    ([name, held]) => [name, typeof held === 'string' ? [held] : held] as const,
  );
  const required = all.filter(([, held]) => Array.isArray(held));
  const schemas = all.filter(([, held]) => isSchema(held));
  return {
    dependentRequired: {
      ...Object.fromEntries(required),
      ...(node.dependentRequired as Keywords['dependentRequired']),
    },
    dependentSchemas: { ...Object.fromEntries(schemas), ...(node.dependentSchemas as SchemaMap) },
  } as Keywords;
}
