// The table of JSON Schema's keywords (2020-12) that are honoured, and what each may hold. All others are refused by name.
import { formats } from './formats.ts';

export const kinds = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const;
export type Kind = (typeof kinds)[number];

export type Schema = boolean | SchemaObject;

/** As checked (check.ts). */
export interface SchemaObject {
  type?: Kind | readonly Kind[];
  enum?: readonly unknown[];
  const?: unknown;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  additionalProperties?: Schema;
  items?: Schema;
  prefixItems?: readonly Schema[];
  minItems?: number;
  maxItems?: number;
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
  $ref?: string;
}

/** What a keyword may hold; undefined: it is as it should be. */
export type Rule = 'schema' | 'schemas' | 'schemaMap' | ((value: unknown) => string | undefined);

const count: Rule = (value) => {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : 'expected a whole number from 0';
};
const number: Rule = (value) => (typeof value === 'number' ? undefined : 'expected a number');
const string: Rule = (value) => (typeof value === 'string' ? undefined : 'expected a string');

/** That a value must satisfy. */
export const assertions: Readonly<Record<keyof SchemaObject, Rule>> = {
  type: (value) => {
    const names: unknown[] = Array.isArray(value) ? value : [value];
    const known: readonly unknown[] = kinds;
    if (names.length > 0 && names.every((name) => known.includes(name))) return undefined;
    return `expected one of ${kinds.join(', ')}, or a list of them`;
  },
  enum: (value) => (Array.isArray(value) && value.length > 0 ? undefined : 'expected a list of values'),
  const: () => undefined,
  properties: 'schemaMap',
  required: (value) => {
    const sound = Array.isArray(value) && value.every((name) => typeof name === 'string');
    return sound ? undefined : 'expected a list of names';
  },
  additionalProperties: 'schema',
  items: 'schema',
  prefixItems: 'schemas',
  minItems: count,
  maxItems: count,
  minLength: count,
  maxLength: count,
  pattern: string,
  format: (value) => {
    if (typeof value === 'string' && Object.hasOwn(formats, value)) return undefined;
    return `the format ${JSON.stringify(value)} is not supported; supported are ${Object.keys(formats).join(', ')}`;
  },
  minimum: number,
  maximum: number,
  exclusiveMinimum: number,
  exclusiveMaximum: number,
  multipleOf: (value) => {
    const sound = Number.isSafeInteger(value) && Number(value) > 0;
    return sound ? undefined : 'only whole numbers above 0 are supported';
  },
  anyOf: 'schemas',
  oneOf: 'schemas',
  allOf: 'schemas',
  $ref: (value) => {
    const local = typeof value === 'string' && /^#(\/|$)/.test(value);
    return local ? undefined : 'only references into the same schema, "#/…", are supported';
  },
};

/** Where schemas stand that are referred to. */
export const definitions: Readonly<Record<string, Rule>> = { $defs: 'schemaMap', definitions: 'schemaMap' };

/** That say nothing about which values are valid. */
export const annotations: ReadonlySet<string> = new Set([
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$comment',
  '$schema',
]);

/** Values of other keywords that ask for nothing, as JSON. */
export const idle: Readonly<Record<string, string>> = { uniqueItems: 'false', minProperties: '0' };

/** Of which kind the values are that a keyword speaks of. */
export const kindOfKeyword: Readonly<Partial<Record<keyof SchemaObject, Kind>>> = {
  properties: 'object',
  required: 'object',
  additionalProperties: 'object',
  items: 'array',
  prefixItems: 'array',
  minItems: 'array',
  maxItems: 'array',
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
