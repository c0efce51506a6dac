// 200 JSON Schemas that use every supported keyword: each keyword alone, and most also within a property or as items.

type Document = Record<string, unknown>;

const word = { type: 'string', maxLength: 8 };
const address = {
  type: 'object',
  properties: { street: word, zip: { type: 'string', pattern: '^[0-9]{5}$' } },
  required: ['street', 'zip'],
  additionalProperties: false,
};

export const basic: readonly Document[] = [
  // types
  { type: 'boolean' },
  { type: 'null' },
  { type: 'integer' },
  { type: 'number' },
  { type: ['integer', 'null'] },
  { type: ['boolean', 'string'], maxLength: 4 },
  { type: ['number', 'boolean', 'null'], minimum: 0 },
  // enum and const
  { enum: ['red', 'green', 'blue'] },
  { enum: [1, 2.5, -3, 1e21] },
  { enum: [null, true, 'x', 7, ['a', 1], { k: [], l: { m: 'é' } }] },
  { const: 'only this "one"\n' },
  { const: { a: [1, { b: null }], c: '\\' } },
  { type: 'string', enum: ['a', 1, 'b', null] },
  { type: 'integer', enum: [1, 2.5, 3] },
  // strings by length
  { type: 'string', maxLength: 0 },
  { type: 'string', minLength: 1, maxLength: 1 },
  { type: 'string', minLength: 3, maxLength: 5 },
  { type: 'string', maxLength: 40 },
  { type: 'string', minLength: 20, maxLength: 60 },
  // patterns
  { type: 'string', pattern: '^[a-z]{2,6}$' },
  { type: 'string', pattern: '^(?:yes|no|maybe)$' },
  { type: 'string', pattern: '^\\d{3}-\\d{4}$' },
  { type: 'string', pattern: '^[^"\\\\x]{1,5}$' },
  { type: 'string', pattern: '^.{2,4}$' },
  { type: 'string', pattern: '^\\w{1,9}@\\w{1,8}\\.(com|org)$' },
  { type: 'string', pattern: '^["\\\\\\n\\t]{1,4}$' },
  { type: 'string', pattern: '^\\s?\\S{1,3}$' },
  { type: 'string', pattern: '^(a|b)?c*d{0,3}$' },
  { type: 'string', pattern: '^[\\u00e0-\\u00ff]{1,4}$' },
  { type: 'string', pattern: '^(?<year>[12]\\d{3})$' },
  // formats
  { type: 'string', format: 'date' },
  { type: 'string', format: 'time' },
  { type: 'string', format: 'date-time' },
  { type: 'string', format: 'duration' },
  { type: 'string', format: 'uuid' },
  { type: 'string', format: 'email' },
  { type: 'string', format: 'hostname' },
  { type: 'string', format: 'ipv4' },
  { type: 'string', format: 'ipv6' },
  { type: 'string', format: 'uri' },
  // bounds of integers
  { type: 'integer', minimum: 0 },
  { type: 'integer', maximum: -1 },
  { type: 'integer', minimum: -5, maximum: 5 },
  { type: 'integer', minimum: 18, maximum: 120 },
  { type: 'integer', exclusiveMinimum: 0, exclusiveMaximum: 1000 },
  { type: 'integer', minimum: 1.5, maximum: 2.5 },
  { type: 'integer', minimum: -123456, maximum: 98765432 },
  { type: 'integer', minimum: 0, exclusiveMinimum: 5, maximum: 9 },
  { type: 'integer', multipleOf: 5 },
  { type: 'integer', multipleOf: 7, minimum: 0 },
  { type: 'integer', multipleOf: 12, minimum: -100, maximum: 1000 },
  { type: 'integer', multipleOf: 127, exclusiveMinimum: 0 },
  { type: 'integer', multipleOf: 1000, minimum: 0, maximum: 50000 },
  // bounds of numbers
  { type: 'number', minimum: 0, maximum: 1 },
  { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
  { type: 'number', minimum: -90, maximum: 90 },
  { type: 'number', minimum: -0.25, maximum: 0.125 },
  { type: 'number', exclusiveMinimum: 1.5 },
  { type: 'number', maximum: -2.75 },
  { type: 'number', minimum: 1e-7, maximum: 1e-6 },
  { type: 'number', minimum: 1000000, maximum: 123456789012 },
  { type: 'number', multipleOf: 3, minimum: 0, maximum: 300 },
  // arrays
  { type: 'array', items: { type: 'integer', minimum: 0, maximum: 9 }, maxItems: 4 },
  { type: 'array', items: { type: 'boolean' }, minItems: 2, maxItems: 3 },
  { type: 'array', maxItems: 0 },
  { type: 'array', items: word, minItems: 1, maxItems: 1 },
  { type: 'array', prefixItems: [{ type: 'integer' }, word], items: false },
  { type: 'array', prefixItems: [{ type: 'integer' }, word], minItems: 2 },
  { type: 'array', prefixItems: [{ const: 1 }], items: { const: 2 }, minItems: 3, maxItems: 5 },
  { type: 'array', prefixItems: [{ type: 'null' }, false], maxItems: 3 },
  {
    type: 'array',
    items: { type: 'array', items: { enum: ['x', 'o'] }, minItems: 3, maxItems: 3 },
    maxItems: 3,
  },
  // objects
  { type: 'object', properties: {}, additionalProperties: false },
  { type: 'object', properties: { a: word, b: { type: 'integer' } }, required: ['a', 'b'] },
  { type: 'object', properties: { a: word, b: { type: 'integer' }, c: { type: 'null' } } },
  { type: 'object', properties: { a: word, b: word, c: word, d: word }, required: ['c'] },
  { type: 'object', properties: { 'a b': word, 'quo"te': word, é: word }, required: ['é'] },
  { type: 'object', properties: { gone: false, kept: word }, required: ['kept'] },
  {
    type: 'object',
    required: ['late'],
    additionalProperties: { type: 'boolean' },
    properties: { early: word },
  },
  { type: 'object', properties: { home: address, work: address }, required: ['home'] },
  // anyOf, oneOf, allOf
  { anyOf: [{ type: 'integer', minimum: 0, maximum: 99 }, { enum: ['none', 'all'] }] },
  { anyOf: [address, { type: 'null' }] },
  {
    type: 'object',
    properties: { a: word },
    anyOf: [{ required: ['a'] }, { properties: { b: word }, required: ['b'] }],
  },
  { oneOf: [{ type: 'boolean' }, word] },
  {
    oneOf: [
      {
        type: 'object',
        properties: { kind: { const: 'cat' }, lives: { type: 'integer', maximum: 9, minimum: 0 } },
        required: ['kind'],
      },
      {
        type: 'object',
        properties: { kind: { const: 'dog' }, barks: { type: 'boolean' } },
        required: ['kind', 'barks'],
      },
    ],
  },
  { allOf: [{ type: 'integer', minimum: 3 }, { maximum: 12 }] },
  {
    allOf: [
      { properties: { a: word }, required: ['a'] },
      { properties: { b: word }, required: ['b'] },
    ],
    type: 'object',
  },
  { allOf: [{ enum: [1, 2, 3] }, { enum: [2, 3, 4] }] },
  // references
  { $ref: '#/$defs/pair', $defs: { pair: { type: 'array', items: word, minItems: 2, maxItems: 2 } } },
  {
    type: 'object',
    properties: { a: { $ref: '#/$defs/n' }, b: { $ref: '#/$defs/n', minimum: 5 } },
    required: ['a', 'b'],
    $defs: { n: { type: 'integer', minimum: 0, maximum: 9 } },
  },
  {
    $ref: '#/definitions/node',
    definitions: {
      node: {
        type: 'object',
        properties: {
          value: { type: 'integer', minimum: 0, maximum: 9 },
          next: { anyOf: [{ type: 'null' }, { $ref: '#/definitions/node' }] },
        },
        required: ['value', 'next'],
      },
    },
  },
  // names of properties
  {
    type: 'object',
    patternProperties: { '^[a-z]{1,3}$': word },
    additionalProperties: false,
    maxProperties: 3,
  },
  {
    type: 'object',
    properties: { n_a: { maximum: 9 } },
    required: ['n_a'],
    patternProperties: { '^n_[a-z]$': { type: 'integer', minimum: 0 } },
    additionalProperties: false,
    maxProperties: 2,
  },
  {
    type: 'object',
    propertyNames: { pattern: '^[a-z]{1,4}$' },
    additionalProperties: { type: 'boolean' },
    minProperties: 1,
    maxProperties: 2,
  },
  {
    type: 'object',
    properties: { a: word, b: word, c: word },
    additionalProperties: false,
    minProperties: 2,
  },
  { type: 'object', properties: { a: word, b: word, c: word }, maxProperties: 1 },
  {
    type: 'object',
    properties: { a: word, b: word, c: { type: 'null' } },
    dependentRequired: { a: ['b', 'c'] },
  },
  {
    type: 'object',
    properties: { a: word, n: { type: 'integer', maximum: 99 } },
    dependentSchemas: { a: { properties: { n: { minimum: 0 } }, required: ['n'] } },
  },
  // items that are counted
  { type: 'array', items: { enum: ['a', 'b', 'c'] }, contains: { const: 'b' }, maxItems: 4 },
  {
    type: 'array',
    items: { enum: [1, 2, 3] },
    contains: { minimum: 2 },
    minContains: 2,
    maxContains: 3,
    maxItems: 6,
  },
  { type: 'array', items: { enum: ['red', 'green', 'blue'] }, uniqueItems: true, minItems: 1 },
  { type: 'array', items: { type: ['boolean', 'null'] }, uniqueItems: true },
  // not, if, and branches that overlap
  { type: 'string', pattern: '^[a-z]{1,5}$', not: { enum: ['a', 'none'] } },
  { type: 'integer', minimum: 0, maximum: 99, not: { multipleOf: 3 } },
  { type: 'object', properties: { a: word, b: word }, not: { required: ['a', 'b'] } },
  {
    type: 'object',
    properties: { of: { enum: ['US', 'NL'] }, zip: { type: 'string', maxLength: 6 } },
    required: ['of', 'zip'],
    if: { properties: { of: { const: 'US' } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { properties: { zip: { pattern: '^[0-9]{5}$' } } },
    else: { properties: { zip: { pattern: '^[0-9]{4}[A-Z]{2}$' } } },
  },
  { type: 'integer', minimum: 0, maximum: 50, oneOf: [{ multipleOf: 2 }, { multipleOf: 3 }] },
  {
    type: 'object',
    properties: { a: word, b: word },
    oneOf: [{ required: ['a'] }, { required: ['b'] }],
  },
  // several keywords for one value
  { type: 'string', pattern: '^(ab|cde)*$', minLength: 4, maxLength: 9 },
  { type: 'string', pattern: '^[0-9a-f-]+$', format: 'uuid', minLength: 36 },
  { type: 'string', pattern: '^(?=.*\\d)(?!0)[a-z0-9]{3,6}$' },
  { type: 'string', pattern: '^\\bcat\\b[ !]{0,3}$' },
  { type: 'string', format: 'uri-reference', maxLength: 12 },
  { type: 'number', multipleOf: 0.25, minimum: -2, maximum: 2 },
  // annotations
  {
    title: 'T',
    description: 'D',
    default: 1,
    examples: [1],
    $comment: 'C',
    deprecated: false,
    type: 'integer',
    minimum: 1,
    maximum: 3,
  },
];

/** References begin at the root, so a schema with references is not put inside another schema. */
const nestable = basic.filter((schema) => !JSON.stringify(schema).includes('$ref'));

/** The schemas, alternately as a property beside others and as items. */
const nested = nestable.slice(basic.length - 200).map((schema, i): Document => {
  if (i % 2 === 0) return { type: 'array', items: schema, minItems: 1, maxItems: 2 };
  return {
    type: 'object',
    properties: {
      id: { type: 'integer', minimum: 0, maximum: 999 },
      held: schema,
      last: { type: 'boolean' },
    },
    required: i % 4 === 1 ? ['held'] : ['id', 'last'],
    additionalProperties: false,
  };
});

export const schemas: readonly Document[] = [...basic, ...nested];
