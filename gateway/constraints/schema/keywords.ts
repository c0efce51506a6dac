// The table of supported JSON Schema keywords (2020-12, and drafts 4 to 7 with their older names), and the function that reads a
// schema by this table. An unsupported keyword causes a fault that names the keyword. Unknown names are ignored.
import { ConstraintFault } from '../fault.ts';
import { isObject, type SchemaNode, step } from './pointer.ts';

/** The kinds of JSON values. */
export const kinds = ['object', 'array', 'string', 'number', 'boolean', 'null'] as const;
export type Kind = (typeof kinds)[number];

export type Schema = boolean | SchemaNode;
type SchemaMap = Readonly<Record<string, Schema>>;

/** A schema after reading: its values are checked, older keywords have their newest spelling, and annotations are left out. */
export interface Keywords {
  /** Undefined if any type is allowed. A schema may name `integer`, `number` or both. */
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

/** The values that a keyword may have: schemas, or any value for which the function returns no objection. */
type Rule = 'schema' | 'schemas' | 'someSchemas' | 'schemaMap' | ((value: unknown) => string | undefined);

interface Assertion {
  rule: Rule;
  /** The kind of values that the keyword asserts something about. Undefined if it is about values of all kinds. */
  kind?: Kind;
}

const count: Rule = (value) => {
  return Number.isInteger(value) && Number(value) >= 0 ? undefined : 'expected a whole number from 0';
};
const number = (value: unknown) => (typeof value === 'number' ? undefined : 'expected a number');
const string: Rule = (value) => (typeof value === 'string' ? undefined : 'expected a string');
const names = (value: unknown) => {
  const sound = Array.isArray(value) && value.every((name) => typeof name === 'string');
  return sound ? undefined : 'expected a list of names';
};
/** In draft 4, an exclusive bound is a boolean that modifies `minimum` or `maximum`. */
const bound: Rule = (value) => (typeof value === 'boolean' ? undefined : number(value));

/** The keywords that a value must satisfy. */
export const assertions: Readonly<Record<keyof Keywords, Assertion>> = {
  type: {
    rule: (value) => {
      const all: unknown[] = Array.isArray(value) ? value : [value];
      const known: readonly unknown[] = [...kinds, 'integer'];
      if (all.length > 0 && all.every((name) => known.includes(name) || name === 'any')) return undefined;
      return `expected one of ${known.join(', ')}, or a list of them`;
    },
  },
  enum: {
    rule: (value) => (Array.isArray(value) && value.length > 0 ? undefined : 'expected a list of values'),
  },
  const: { rule: () => undefined },
  properties: { rule: 'schemaMap', kind: 'object' },
  patternProperties: { rule: 'schemaMap', kind: 'object' },
  additionalProperties: { rule: 'schema', kind: 'object' },
  propertyNames: { rule: 'schema', kind: 'object' },
  // In draft 3 this is a flag in the property's own schema.
  required: { rule: (value) => (typeof value === 'boolean' ? undefined : names(value)), kind: 'object' },
  minProperties: { rule: count, kind: 'object' },
  maxProperties: { rule: count, kind: 'object' },
  dependentRequired: {
    rule: (value) => {
      const sound = isObject(value) && Object.values(value).every((each) => names(each) === undefined);
      return sound ? undefined : 'expected an object of lists of names';
    },
    kind: 'object',
  },
  dependentSchemas: { rule: 'schemaMap', kind: 'object' },
  prefixItems: { rule: 'schemas', kind: 'array' },
  items: { rule: 'schema', kind: 'array' },
  contains: { rule: 'schema', kind: 'array' },
  // These two change the meaning of `contains` and assert nothing without it.
  minContains: { rule: count },
  maxContains: { rule: count },
  minItems: { rule: count, kind: 'array' },
  maxItems: { rule: count, kind: 'array' },
  uniqueItems: {
    rule: (value) => (typeof value === 'boolean' ? undefined : 'expected true or false'),
    kind: 'array',
  },
  minLength: { rule: count, kind: 'string' },
  maxLength: { rule: count, kind: 'string' },
  pattern: { rule: string, kind: 'string' },
  format: { rule: string, kind: 'string' },
  minimum: { rule: number, kind: 'number' },
  maximum: { rule: number, kind: 'number' },
  exclusiveMinimum: { rule: bound, kind: 'number' },
  exclusiveMaximum: { rule: bound, kind: 'number' },
  multipleOf: {
    rule: (value) => (typeof value === 'number' && value > 0 ? undefined : 'expected a number above 0'),
    kind: 'number',
  },
  anyOf: { rule: 'someSchemas' },
  oneOf: { rule: 'someSchemas' },
  allOf: { rule: 'someSchemas' },
  not: { rule: 'schema' },
  if: { rule: 'schema' },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { rule: 'schema' },
  else: { rule: 'schema' },
  $ref: { rule: string },
};

/** Older spellings, and keywords whose schemas have an effect only if something refers to them. */
const others: readonly (readonly [name: string, Rule])[] = [
  ['$defs', 'schemaMap'],
  ['definitions', 'schemaMap'],
  ['additionalItems', 'schema'],
  ['dependencies', (value) => (isObject(value) ? undefined : 'expected an object')],
];

const rules: ReadonlyMap<string, Rule> = new Map([
  ...Object.entries(assertions).map(([name, { rule }]) => [name, rule] as const),
  ...others,
]);

/** Unsupported keywords, each with the values (as JSON) that assert nothing and are therefore accepted. */
const unsupported: ReadonlyMap<string, readonly string[]> = new Map([
  ['unevaluatedProperties', ['true', '{}']],
  ['unevaluatedItems', ['true', '{}']],
  ['$dynamicRef', []],
  ['$recursiveRef', []],
  ['extends', []],
  ['disallow', []],
  ['divisibleBy', []],
]);

interface Location {
  schema: unknown;
  /** Path from the containing schema, such as `.properties.a`. */
  path: string;
}

/** Whether the keyword contains one schema. In older drafts, `items` may contain a list of schemas instead. */
export function containsSchema(keyword: string): boolean {
  return rules.get(keyword) === 'schema';
}

/** Whether the keyword contains schemas by name. In `dependencies`, some of these values may be lists of names. */
export function containsSchemaMap(keyword: string): boolean {
  return rules.get(keyword) === 'schemaMap' || keyword === 'dependencies';
}

/** The subschemas of a schema, even invalid ones. */
export function locationsOf(node: SchemaNode): Location[] {
  return Object.entries(node).flatMap(([name, held]) => {
    const rule = rules.get(name);
    const at = step(name);
    if (containsSchema(name) && !Array.isArray(held)) return [{ schema: held, path: at }];
    if (Array.isArray(held) && (rule === 'schemas' || rule === 'someSchemas' || name === 'items')) {
      return held.map((schema: unknown, i) => ({ schema, path: `${at}[${i}]` }));
    }
    if (isObject(held) && containsSchemaMap(name)) {
      return Object.entries(held).map(([key, schema]) => ({ schema, path: at + step(key) }));
    }
    return [];
  });
}

/** Throws a ConstraintFault that names the keyword that is unsupported or has an invalid value. */
export function readKeywords(node: SchemaNode, document: { path(node: SchemaNode): string }): Keywords {
  const path = document.path(node);
  for (const [name, held] of Object.entries(node)) {
    const at = path + step(name);
    if (unsupported.get(name)?.includes(JSON.stringify(held)) === false) {
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

/** The keywords of a checked schema, with those of older drafts in the spelling of the newest draft. */
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

/** Up to draft 2019-09, a list in `items` means what `prefixItems` means now, and `additionalItems` what `items` means now. */
function itemsOf({ items, additionalItems }: SchemaNode): Pick<Keywords, 'prefixItems' | 'items'> {
  if (!Array.isArray(items)) return {};
  return {
    prefixItems: items as Schema[],
    items: isSchema(additionalItems) ? additionalItems : undefined,
  } as Keywords;
}

/** In draft 4, `exclusiveMinimum: true` says that `minimum` itself is excluded. */
function boundsOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: SchemaNode): Keywords {
  const excluded = (flag: unknown, value: unknown) => (flag && typeof value === 'number' ? value : undefined);
  return {
    ...(typeof exclusiveMinimum === 'boolean' && { exclusiveMinimum: excluded(exclusiveMinimum, minimum) }),
    ...(typeof exclusiveMaximum === 'boolean' && { exclusiveMaximum: excluded(exclusiveMaximum, maximum) }),
  } as Keywords;
}

/** Up to draft 7, `dependencies` contains both lists of names and schemas. */
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
