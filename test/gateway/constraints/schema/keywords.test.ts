// For each supported keyword: values that the masks allow, and near misses that they must forbid.
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formats } from '../../../../gateway/constraints/schema/formats.ts';
import { assertions } from '../../../../gateway/constraints/schema/keywords.ts';
import { accepts } from '../writer.ts';

/** ajv divides doubles. Without a tolerance, it finds that 19.99 is not a multiple of 0.01. */
const ajv = new Ajv.default({ strict: false, multipleOfPrecision: 9 });
addFormats.default(ajv);
// For texts in ASCII, both formats of a pair are the same, and this server writes international formats in ASCII.
for (const [format, same] of Object.entries({
  'idn-email': 'email',
  'idn-hostname': 'hostname',
  iri: 'uri',
  'iri-reference': 'uri-reference',
})) {
  const known = ajv.formats[same];
  if (known !== undefined) ajv.addFormat(format, known);
}

interface Case {
  schema: Record<string, unknown>;
  /** JSON texts. */
  valid: readonly string[];
  nearMiss: readonly string[];
}

const letter = { enum: ['a', 'b'] };

const country = { properties: { country: { enum: ['US', 'NL'] }, zip: { type: 'string', maxLength: 6 } } };

/** This case is separate, because an object literal with "then" looks like a promise. */
const conditions: Record<string, readonly Case[]> = Object.fromEntries([
  [
    'if',
    [
      {
        schema: {
          type: 'object',
          ...country,
          required: ['country', 'zip'],
          if: { properties: { country: { const: 'US' } } },
          ...then({ properties: { zip: { pattern: '^\\d{5}$' } } }),
          else: { properties: { zip: { pattern: '^\\d{4}[A-Z]{2}$' } } },
        },
        valid: ['{"country":"US","zip":"12345"}', '{"country":"NL","zip":"1234AB"}'],
        nearMiss: ['{"country":"NL","zip":"12345"}', '{"country":"US","zip":"1234AB"}', '{"country":"US"}'],
      },
      { schema: { type: 'integer', if: { minimum: 3 } }, valid: ['1', '5'], nearMiss: ['"5"'] },
    ],
  ],
  [
    'then',
    [
      {
        schema: { type: 'integer', if: { minimum: 10 }, ...then({ multipleOf: 10 }) },
        valid: ['3', '9', '10', '250'],
        nearMiss: ['11', '255'],
      },
      {
        schema: {
          type: 'object',
          properties: { a: letter, b: letter },
          if: { required: ['a'] },
          ...then({ required: ['b'] }),
        },
        valid: ['{}', '{"b":"a"}', '{"a":"a","b":"b"}'],
        nearMiss: ['{"a":"a"}'],
      },
      {
        schema: { enum: [1, 'a'], ...then(false) },
        valid: ['1', '"a"'],
        nearMiss: ['2'],
      },
    ],
  ],
  [
    'else',
    [
      {
        schema: { type: ['string', 'integer'], if: { type: 'string' }, else: { minimum: 1, maximum: 3 } },
        valid: ['"anything"', '1', '3'],
        nearMiss: ['0', '4', 'null'],
      },
    ],
  ],
]);

function then(schema: unknown): Record<string, unknown> {
  return Object.fromEntries([['then', schema]]);
}

const cases: Record<string, readonly Case[]> = {
  type: [
    {
      schema: { type: 'integer' },
      valid: ['0', '-12', '123456789012345'],
      nearMiss: ['1.5', '"1"', 'true', 'null', '[]'],
    },
    { schema: { type: 'number' }, valid: ['0', '-1.25', '1e5', '2.5E-3'], nearMiss: ['"1"', 'null'] },
    { schema: { type: 'boolean' }, valid: ['true', 'false'], nearMiss: ['0', '"true"', 'null'] },
    { schema: { type: 'null' }, valid: ['null'], nearMiss: ['false', '0', '""'] },
    {
      schema: { type: 'string' },
      valid: ['""', '"é😀"', '"\\u00e9\\ud83d\\ude00\\n"'],
      nearMiss: ['1', 'null', '["a"]'],
    },
    { schema: { type: 'array' }, valid: ['[]', '[1, "a", {"b": []}]'], nearMiss: ['{}', '"[]"'] },
    { schema: { type: 'object' }, valid: ['{}', '{"a": {"b": 1}}'], nearMiss: ['[]', 'null'] },
    { schema: { type: ['string', 'null'] }, valid: ['"a"', 'null'], nearMiss: ['1', 'false'] },
  ],
  enum: [
    {
      schema: { enum: ['on', 'off', 3, null] },
      valid: ['"on"', '"off"', '3', 'null'],
      nearMiss: ['"onn"', '"o"', '33', '"3"', 'false'],
    },
  ],
  const: [
    {
      schema: { const: { a: [1, 'x'] } },
      valid: ['{"a":[1,"x"]}', '{"a": [1, "x"]}'],
      nearMiss: ['{"a":[1]}', '{"a":[1,"y"]}', '{"a":[1,"x"],"b":1}'],
    },
  ],
  properties: [
    {
      schema: { type: 'object', properties: { a: letter, n: { type: 'integer' } } },
      valid: ['{}', '{"a":"a"}', '{"n":1}', '{"a": "b", "n": 1}'],
      nearMiss: ['{"a":"c"}', '{"n":"1"}'],
    },
    {
      schema: { type: 'object', properties: { a: letter, never: false } },
      valid: ['{"a":"a"}'],
      nearMiss: ['{"never":1}', '{"a":"a","never":null}'],
    },
  ],
  required: [
    {
      schema: { type: 'object', properties: { a: letter, b: letter, c: letter }, required: ['b'] },
      valid: ['{"b":"a"}', '{"a":"a","b":"a","c":"a"}', '{"b":"a","c":"b"}'],
      nearMiss: ['{}', '{"a":"a"}', '{"a":"a","c":"a"}'],
    },
  ],
  additionalProperties: [
    {
      schema: { type: 'object', properties: { a: letter }, additionalProperties: false },
      valid: ['{"a":"a"}', '{}'],
      nearMiss: ['{"b":1}', '{"a":"a","b":1}', '{"aa":"a"}'],
    },
    {
      schema: { type: 'object', properties: { ab: letter }, additionalProperties: { type: 'integer' } },
      valid: ['{"ab":"a","x":1,"y":2}', '{"a":1}', '{"abc":1}', '{"":1}', '{"é":1}'],
      nearMiss: ['{"x":"a"}', '{"ab":1}', '{"a":"a"}'],
    },
    {
      schema: { type: 'object', additionalProperties: { type: 'boolean' } },
      valid: ['{}', '{"x":true, "y":false}'],
      nearMiss: ['{"x":1}', '{"x":true,"y":null}'],
    },
  ],
  patternProperties: [
    {
      schema: {
        type: 'object',
        properties: { n_1: { maximum: 5 }, a: letter },
        patternProperties: { '^n_': { type: 'integer' }, _x$: { minimum: 3 } },
        additionalProperties: false,
      },
      valid: ['{}', '{"n_1":5}', '{"a":"a","n_2":7}', '{"n_":0,"n_x":3}', '{"_x":3.5}'],
      nearMiss: ['{"n_1":6}', '{"n_2":"7"}', '{"n_x":2}', '{"n_x":3.5}', '{"m_2":1}', '{"_x":1}'],
    },
    {
      schema: { patternProperties: { '^[a-z]{2}$': letter }, additionalProperties: { type: 'null' } },
      valid: ['{"de":"a"}', '{"de":"b","eng":null}'],
      nearMiss: ['{"de":null}', '{"eng":"a"}'],
    },
    {
      schema: { type: 'object', patternProperties: { '^x-': false }, additionalProperties: letter },
      valid: ['{"x":"a"}', '{"xx-":"a"}'],
      nearMiss: ['{"x-a":"a"}', '{"x-":"a"}'],
    },
  ],
  propertyNames: [
    {
      schema: { type: 'object', propertyNames: { pattern: '^[a-z]+$', maxLength: 3 } },
      valid: ['{}', '{"a":1}', '{"abc":null,"z":{}}'],
      nearMiss: ['{"abcd":1}', '{"A":1}', '{"":1}'],
    },
    {
      schema: {
        type: 'object',
        properties: { a: letter, bb: letter },
        propertyNames: { enum: ['a', 'c'] },
        additionalProperties: { type: 'integer' },
      },
      valid: ['{"a":"a"}', '{"a":"b","c":3}'],
      nearMiss: ['{"bb":"a"}', '{"c":"a"}', '{"d":3}'],
    },
    {
      schema: { type: 'object', propertyNames: { type: 'string' }, additionalProperties: letter },
      valid: ['{"anything":"a"}'],
      nearMiss: ['{"anything":1}'],
    },
    { schema: { type: 'object', propertyNames: false }, valid: ['{}'], nearMiss: ['{"a":1}'] },
  ],
  minProperties: [
    {
      schema: { type: 'object', minProperties: 1 },
      valid: ['{"a":1}', '{"a":1,"b":2,"c":3}'],
      nearMiss: ['{}'],
    },
    {
      schema: {
        type: 'object',
        properties: { a: letter, b: letter, c: letter },
        minProperties: 2,
        additionalProperties: false,
      },
      valid: ['{"a":"a","b":"a"}', '{"b":"a","c":"b"}', '{"a":"a","c":"b"}', '{"a":"a","b":"b","c":"a"}'],
      nearMiss: ['{}', '{"a":"a"}', '{"c":"a"}', '{"a":"a","d":"a"}'],
    },
  ],
  maxProperties: [
    {
      schema: { type: 'object', additionalProperties: letter, maxProperties: 2 },
      valid: ['{}', '{"x":"a"}', '{"x":"a","y":"b"}'],
      nearMiss: ['{"x":"a","y":"b","z":"a"}'],
    },
    {
      schema: { type: 'object', properties: { a: letter, b: letter }, required: ['b'], maxProperties: 1 },
      valid: ['{"b":"a"}'],
      nearMiss: ['{"a":"a"}', '{"a":"a","b":"a"}'],
    },
    { schema: { type: 'object', maxProperties: 0 }, valid: ['{}'], nearMiss: ['{"a":1}'] },
  ],
  dependentRequired: [
    {
      schema: {
        type: 'object',
        properties: { card: { type: 'integer' }, name: letter, street: letter },
        dependentRequired: { card: ['name', 'street'] },
      },
      valid: ['{}', '{"name":"a"}', '{"card":1,"name":"a","street":"b"}'],
      nearMiss: ['{"card":1}', '{"card":1,"name":"a"}'],
    },
    {
      schema: {
        type: 'object',
        properties: { a: letter, b: letter, c: letter },
        dependentRequired: { a: ['b'], b: ['c'] },
      },
      valid: ['{"c":"a"}', '{"b":"a","c":"a"}', '{"a":"a","b":"a","c":"a"}'],
      nearMiss: ['{"a":"a"}', '{"a":"a","b":"a"}', '{"a":"a","c":"a"}'],
    },
  ],
  dependentSchemas: [
    {
      schema: {
        type: 'object',
        properties: { kind: letter, n: { type: 'integer' } },
        dependentSchemas: { kind: { properties: { n: { minimum: 10 } }, required: ['n'] } },
      },
      valid: ['{}', '{"n":3}', '{"kind":"a","n":10}'],
      nearMiss: ['{"kind":"a"}', '{"kind":"a","n":9}'],
    },
    {
      schema: {
        type: 'object',
        properties: { a: letter, b: letter },
        dependentSchemas: { a: false },
      },
      valid: ['{}', '{"b":"a"}'],
      nearMiss: ['{"a":"a"}', '{"a":"b","b":"a"}'],
    },
  ],
  items: [
    {
      schema: { type: 'array', items: letter },
      valid: ['[]', '["a"]', '["a", "b","a"]'],
      nearMiss: ['["c"]', '["a",1]', '[["a"]]'],
    },
    { schema: { type: 'array', items: false }, valid: ['[]'], nearMiss: ['[1]', '[null]'] },
  ],
  prefixItems: [
    {
      schema: { type: 'array', prefixItems: [{ const: 1 }, letter], items: { type: 'null' } },
      valid: ['[]', '[1]', '[1,"a"]', '[1,"a",null,null]'],
      nearMiss: ['[2]', '["a"]', '[1,1]', '[1,"a",1]'],
    },
  ],
  contains: [
    {
      schema: { type: 'array', items: { type: 'integer' }, contains: { minimum: 10 } },
      valid: ['[10]', '[1, 2, 10]', '[99,1,11]'],
      nearMiss: ['[]', '[1,2]', '["10"]', '[10,"x"]'],
    },
    {
      schema: { type: 'array', prefixItems: [letter], items: { type: 'boolean' }, contains: { const: true } },
      valid: ['["a",true]', '["b",false,true]'],
      nearMiss: ['["a"]', '["a",false]', '[true]'],
    },
  ],
  minContains: [
    {
      schema: {
        type: 'array',
        prefixItems: [{ type: 'object' }],
        contains: { type: 'string' },
        minContains: 2,
      },
      valid: ['[{},"a","b"]'],
      nearMiss: ['[{}]', '[{},"a"]', '["a","b"]'],
    },
    {
      schema: { type: 'array', items: letter, contains: { const: 'a' }, minContains: 2 },
      valid: ['["a","a"]', '["a","b","b","a","b"]', '["a","a","a"]'],
      nearMiss: ['["a"]', '["a","b"]', '[]'],
    },
    {
      schema: { type: 'array', items: letter, contains: { const: 'a' }, minContains: 0 },
      valid: ['[]', '["b"]', '["a"]'],
      nearMiss: ['["c"]'],
    },
  ],
  maxContains: [
    {
      schema: { type: 'array', items: letter, contains: { const: 'a' }, maxContains: 2, maxItems: 4 },
      valid: ['["a"]', '["a","b","a","b"]'],
      nearMiss: ['[]', '["b"]', '["a","a","a"]', '["a","b","b","b","b"]'],
    },
    {
      schema: { type: 'array', items: letter, contains: { const: 'a' }, minContains: 0, maxContains: 1 },
      valid: ['[]', '["b","b"]', '["b","a","b"]'],
      nearMiss: ['["a","a"]', '["a","b","a"]'],
    },
  ],
  uniqueItems: [
    {
      schema: { type: 'array', items: { enum: ['x', 'y', 3] }, uniqueItems: true },
      valid: ['[]', '["y","x"]', '[3,"x","y"]'],
      nearMiss: ['["x","x"]', '[3,"y",3]', '["x","y",3,"x"]'],
    },
    {
      schema: { type: 'array', items: { type: 'boolean' }, uniqueItems: true, minItems: 2 },
      valid: ['[true,false]', '[false,true]'],
      nearMiss: ['[true]', '[true,true]', '[false,true,false]'],
    },
    {
      schema: { type: 'array', items: { anyOf: [letter, { type: 'null' }] }, uniqueItems: true, maxItems: 2 },
      valid: ['["a",null]', '[null]'],
      nearMiss: ['[null,null]', '["a","b",null]'],
    },
    {
      // The order of keys does not matter for the equality of objects.
      schema: {
        type: 'array',
        items: {
          enum: [
            { a: 1, b: 2 },
            { b: 2, a: 1 },
          ],
        },
        uniqueItems: true,
      },
      valid: ['[]', '[{"b":2,"a":1}]'],
      nearMiss: ['[{"a":1,"b":2},{"b":2,"a":1}]'],
    },
    { schema: { type: 'array', uniqueItems: false, items: letter }, valid: ['["a","a"]'], nearMiss: ['[1]'] },
    {
      schema: { type: 'array', uniqueItems: true, maxItems: 1, items: { type: 'integer' } },
      valid: ['[]', '[12]'],
      nearMiss: ['[1,2]'],
    },
  ],
  minItems: [
    {
      schema: { type: 'array', items: letter, minItems: 2 },
      valid: ['["a","b"]', '["a","a","a"]'],
      nearMiss: ['[]', '["a"]'],
    },
    {
      schema: { type: 'array', prefixItems: [letter, letter], minItems: 3 },
      valid: ['["a","b",7]'],
      nearMiss: ['["a","b"]', '["a"]'],
    },
  ],
  maxItems: [
    {
      schema: { type: 'array', items: letter, maxItems: 2 },
      valid: ['[]', '["a","b"]'],
      nearMiss: ['["a","b","a"]'],
    },
  ],
  minLength: [
    {
      schema: { type: 'string', minLength: 3 },
      valid: ['"abc"', '"😀😀😀"', '"\\n\\n\\n"', '"\\ud83d\\ude00ab"'],
      nearMiss: ['""', '"ab"', '"😀😀"', '"\\ud83d\\ude00a"'],
    },
  ],
  maxLength: [
    {
      schema: { type: 'string', maxLength: 3 },
      valid: ['""', '"abc"', '"😀é€"'],
      nearMiss: ['"abcd"', '"😀😀😀😀"', '"\\n\\n\\n\\n"'],
    },
  ],
  pattern: [
    {
      schema: { type: 'string', pattern: '^[a-c]+-\\d{2}$' },
      valid: ['"abc-12"', '"a-00"'],
      nearMiss: ['"abd-12"', '"abc-1"', '"abc-123"', '"-12"'],
    },
    {
      schema: { type: 'string', pattern: 'needle' },
      valid: ['"needle"', '"a needle, there"'],
      nearMiss: ['"needl"', '""', '"NEEDLE"'],
    },
    { schema: { type: 'string', pattern: '^a|z$' }, valid: ['"abc"', '"xyz"'], nearMiss: ['"bca"', '"zx"'] },
    {
      schema: { type: 'string', pattern: '^["\\\\]$' },
      valid: ['"\\""', '"\\\\"'],
      nearMiss: ['""', '"a"', '"\\n"'],
    },
    {
      schema: { type: 'string', pattern: '^(ab|cde)*$', minLength: 4, maxLength: 6 },
      valid: ['"abab"', '"abcde"', '"cdeab"', '"cdecde"', '"ababab"'],
      nearMiss: ['""', '"cde"', '"ababcde"', '"abcd"'],
    },
    {
      schema: { type: 'string', pattern: '^[0-9-]+$', format: 'date', maxLength: 10 },
      valid: ['"2024-02-29"'],
      nearMiss: ['"2023-02-29"', '"2024-02-2"', '"20240-2-29"'],
    },
    {
      schema: { type: 'string', pattern: '\\.org$', format: 'hostname', minLength: 7 },
      valid: ['"abc.org"', '"www.example.org"'],
      nearMiss: ['"ab.org"', '"abc.com"', '"-abc.org"'],
    },
    {
      schema: { type: 'string', pattern: '^(?=.*[0-9])(?=.*[a-z])[a-z0-9]{3,5}$' },
      valid: ['"a1b"', '"1234a"'],
      nearMiss: ['"abc"', '"123"', '"a1"', '"abc123"', '"A1b"'],
    },
    {
      schema: { type: 'string', pattern: '^(?!admin$|root)[a-z]{1,8}$' },
      valid: ['"user"', '"admins"', '"roo"'],
      nearMiss: ['"admin"', '"root"', '"roots"'],
    },
    {
      schema: { type: 'string', pattern: '\\bcat\\b' },
      valid: ['"cat"', '"a cat, there"', '"écat"'],
      nearMiss: ['"cats"', '"concat"', '"cat_"'],
    },
    {
      schema: { type: 'string', pattern: '^a\\Bb\\Bc\\b$' },
      valid: ['"abc"'],
      nearMiss: ['"ab"', '"a bc"'],
    },
    {
      schema: { type: 'string', pattern: '^\\p{Lu}\\p{Ll}+$' },
      valid: ['"Anna"', '"Éva"', '"Äö"'],
      nearMiss: ['"anna"', '"A"', '"An1"'],
    },
    {
      schema: { allOf: [{ type: 'string', pattern: '^a' }, { pattern: 'z$' }], maxLength: 3 },
      valid: ['"az"', '"abz"'],
      nearMiss: ['"a"', '"z"', '"abbz"'],
    },
  ],
  format: Object.entries({
    date: [['2024-12-31'], ['2024-13-01', '2024-02-30', '24-01-01']],
    time: [
      ['23:59:59Z', '08:00:00.5+02:00'],
      ['24:00:00Z', '23:60:00Z', '23:59:59'],
    ],
    'date-time': [['2024-12-31T23:59:59Z'], ['2024-12-31 23:59:59', '2024-12-31T25:00:00Z']],
    duration: [
      ['P1Y2M', 'PT5S', 'P3W', 'P1M2DT3H'],
      ['P', '1Y', 'P1S', 'PT'],
    ],
    uuid: [
      ['123e4567-e89b-12d3-a456-426614174000'],
      ['123e4567-e89b-12d3-a456-42661417400', '123e4567e89b12d3a456426614174000'],
    ],
    email: [['a.b@example.org'], ['a.b@', '@example.org', 'a b@example.org']],
    'idn-email': [['a.b@example.org'], ['a.b@', '@example.org']],
    hostname: [
      ['example.org', 'a'],
      ['-a.org', 'a..b', 'a-'],
    ],
    'idn-hostname': [['example.org'], ['-a.org', 'a..b']],
    ipv4: [['192.168.0.255'], ['256.1.1.1', '1.2.3', '1.2.3.4.5']],
    ipv6: [['2001:db8:0:0:0:ff00:42:8329'], ['2001:db8:0:0:0:ff00:42', '2001:db8:0:0:0:ff00:42:g']],
    uri: [['https://example.org/a?b=c#d'], ['example.org', 'https//example.org', 'https://exa mple.org']],
    iri: [['https://example.org/a?b=c#d'], ['example.org', 'https://exa mple.org']],
    'uri-reference': [
      ['https://example.org/a', '/a/b?c', '../a', '#top', 'a.json', ''],
      ['a b', '#a#b', '/%zz', 'a\\b'],
    ],
    'iri-reference': [['/a/b?c', '#top'], ['a b']],
    'uri-template': [
      ['/users/{id}', 'https://example.org/{a}{b}', '/plain'],
      ['/users/{id', '/users/id}', '/{a b}'],
    ],
    'json-pointer': [
      ['', '/a/0', '/a~1b/~0'],
      ['a', '/a~', '/~2'],
    ],
    'relative-json-pointer': [
      ['0', '1/a', '12#'],
      ['/a', '01', '-1'],
    ],
    regex: [
      ['^a+[bc]$', '\\d', ''],
      ['a)', '[', '*', '('],
    ],
  }).map(([format, [valid = [], nearMiss = []]]) => ({
    schema: { type: 'string', format },
    valid: valid.map((text) => JSON.stringify(text)),
    nearMiss: nearMiss.map((text) => JSON.stringify(text)),
  })),
  minimum: [
    { schema: { type: 'integer', minimum: -3 }, valid: ['-3', '0', '99'], nearMiss: ['-4', '-10'] },
    {
      schema: { type: 'number', minimum: 0.5 },
      valid: ['0.5', '0.50', '0.51', '3', '3.25'],
      nearMiss: ['0.49', '0', '-1'],
    },
  ],
  maximum: [
    {
      schema: { type: 'integer', maximum: 120 },
      valid: ['120', '-7', '99'],
      nearMiss: ['121', '200', '1000'],
    },
    {
      schema: { type: 'number', maximum: -1.5 },
      valid: ['-1.5', '-1.51', '-20'],
      nearMiss: ['-1.49', '0', '-1'],
    },
  ],
  exclusiveMinimum: [
    { schema: { type: 'integer', exclusiveMinimum: 5 }, valid: ['6', '50'], nearMiss: ['5', '0', '-6'] },
    {
      schema: { type: 'number', exclusiveMinimum: 0 },
      valid: ['0.1', '0.000001', '1'],
      nearMiss: ['0', '0.0', '-0.1'],
    },
  ],
  exclusiveMaximum: [
    { schema: { type: 'integer', exclusiveMaximum: 10 }, valid: ['9', '-10'], nearMiss: ['10', '11', '90'] },
    {
      schema: { type: 'number', exclusiveMaximum: 1.25 },
      valid: ['1.249', '1', '-3.5'],
      nearMiss: ['1.25', '1.250', '1.3'],
    },
  ],
  multipleOf: [
    {
      schema: { type: 'integer', multipleOf: 7 },
      valid: ['0', '7', '-14', '7000007'],
      nearMiss: ['1', '8', '-15', '71'],
    },
    {
      schema: { type: 'number', multipleOf: 25, minimum: 0, maximum: 100 },
      valid: ['0', '25', '100'],
      nearMiss: ['125', '20', '12.5'],
    },
    {
      schema: { type: 'number', multipleOf: 0.01 },
      valid: ['0', '0.1', '19.99', '-3.25', '7.10'],
      nearMiss: ['0.001', '19.999', '-3.251'],
    },
    {
      schema: { type: 'number', multipleOf: 2.5, exclusiveMinimum: 0 },
      valid: ['2.5', '5', '5.0', '1002.5'],
      nearMiss: ['0', '-2.5', '2', '2.55', '52'],
    },
    {
      schema: { type: 'integer', multipleOf: 1.5 },
      valid: ['0', '3', '-9'],
      nearMiss: ['1', '1.5', '4'],
    },
  ],
  anyOf: [
    {
      schema: { anyOf: [{ type: 'integer', minimum: 5 }, letter] },
      valid: ['5', '"a"'],
      nearMiss: ['4', '"c"', 'null'],
    },
  ],
  oneOf: [
    { schema: { oneOf: [{ type: 'integer' }, letter] }, valid: ['5', '"a"'], nearMiss: ['"c"', 'null'] },
    {
      schema: {
        oneOf: [
          {
            type: 'object',
            properties: { k: { const: 1 }, a: letter },
            required: ['k'],
            additionalProperties: false,
          },
          {
            type: 'object',
            properties: { k: { const: 2 }, b: letter },
            required: ['k'],
            additionalProperties: false,
          },
        ],
      },
      valid: ['{"k":1,"a":"a"}', '{"k":2,"b":"b"}'],
      nearMiss: ['{"k":1,"b":"a"}', '{"k":3}', '{}'],
    },
    {
      schema: { type: 'integer', oneOf: [{ multipleOf: 2 }, { multipleOf: 3 }] },
      valid: ['2', '3', '-4', '9'],
      nearMiss: ['0', '6', '-12', '5'],
    },
    {
      schema: {
        oneOf: [
          { type: 'string', maxLength: 4 },
          { type: 'string', pattern: '^a' },
        ],
      },
      valid: ['""', '"bcde"', '"abcde"'],
      nearMiss: ['"a"', '"abcd"', '"bcdef"'],
    },
    {
      schema: {
        type: 'object',
        properties: { a: letter, b: letter },
        oneOf: [{ required: ['a'] }, { required: ['b'] }],
      },
      valid: ['{"a":"a"}', '{"b":"b"}'],
      nearMiss: ['{}', '{"a":"a","b":"b"}'],
    },
    {
      schema: { oneOf: [{ type: 'number', minimum: 0 }, { type: 'integer' }] },
      valid: ['0.5', '-3'],
      nearMiss: ['3', '-0.5', '"a"'],
    },
  ],
  not: [
    {
      schema: { type: 'string', not: { pattern: '^[a-c]' }, maxLength: 5 },
      valid: ['""', '"xa"', '"dog"'],
      nearMiss: ['"a"', '"cat"', '"doggie"'],
    },
    {
      schema: { type: ['integer', 'null'], not: { minimum: 0, maximum: 9 } },
      valid: ['-1', '10', '-10'],
      nearMiss: ['0', '5', '9'],
    },
    {
      schema: { enum: ['a', 'b', 1, null], not: { type: 'string' } },
      valid: ['1', 'null'],
      nearMiss: ['"a"', '"b"'],
    },
    {
      schema: {
        type: 'object',
        properties: { a: letter, b: letter },
        not: { required: ['a', 'b'] },
      },
      valid: ['{}', '{"a":"a"}', '{"b":"a"}'],
      nearMiss: ['{"a":"a","b":"a"}'],
    },
    {
      schema: {
        type: 'array',
        items: letter,
        not: { contains: { const: 'a' } },
      },
      valid: ['[]', '["b"]', '["b","b"]'],
      nearMiss: ['["a"]', '["b","a"]'],
    },
    {
      schema: { type: 'integer', not: { anyOf: [{ multipleOf: 2 }, { minimum: 100 }] } },
      valid: ['1', '-3', '99'],
      nearMiss: ['2', '101', '100'],
    },
    {
      schema: { type: 'string', not: { const: 'none' } },
      valid: ['"non"', '"nones"', '""'],
      nearMiss: ['"none"'],
    },
  ],
  ...conditions,
  allOf: [
    {
      schema: { allOf: [{ type: 'integer', minimum: 2 }, { maximum: 4 }] },
      valid: ['2', '4'],
      nearMiss: ['1', '5', '"3"'],
    },
    {
      schema: {
        allOf: [
          { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] },
          { properties: { a: { maximum: 3 }, b: letter }, required: ['b'] },
        ],
      },
      valid: ['{"a":3,"b":"a"}'],
      nearMiss: ['{"a":4,"b":"a"}', '{"a":3}', '{"b":"a"}'],
    },
  ],
  $ref: [
    {
      schema: {
        $ref: '#/$defs/tree',
        $defs: {
          tree: {
            type: 'object',
            properties: { of: letter, in: { type: 'array', items: { $ref: '#/$defs/tree' } } },
            required: ['of'],
            additionalProperties: false,
          },
        },
      },
      valid: ['{"of":"a"}', '{"of":"a","in":[{"of":"b","in":[]}]}'],
      nearMiss: ['{"of":"a","in":[{}]}', '{"of":"a","in":[{"of":"c"}]}'],
    },
    {
      // The required property is mentioned twice, and its schema leads back to the whole schema.
      schema: {
        type: ['object', 'null'],
        properties: { next: { $ref: '#' } },
        required: ['next'],
        allOf: [{ properties: { next: { maxProperties: 3 } } }],
      },
      valid: ['null', '{"next":null}', '{"next":{"next":null}}'],
      nearMiss: ['{}', '{"next":1}', '{"next":{}}'],
    },
  ],
};

/** Checks that ajv and the grammar both accept the valid texts, and that neither accepts the near misses. */
function requireAgreement(
  schema: string,
  validate: (value: unknown) => unknown,
  { valid, nearMiss }: { valid: readonly string[]; nearMiss: readonly string[] },
): void {
  const told = (text: string) => [
    text,
    validate(JSON.parse(text)),
    accepts({ type: 'json_schema', schema }, text),
  ];
  for (const text of valid) expect(told(text)).toEqual([text, true, true]);
  for (const text of nearMiss) expect(told(text)).toEqual([text, false, false]);
}

describe('supported keywords', () => {
  it('each have a case in this file', () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(assertions).sort());
    expect(cases.format?.map(({ schema }) => schema.format)).toEqual(Object.keys(formats));
  });

  for (const [keyword, all] of Object.entries(cases)) {
    it.each(all.map((each) => [JSON.stringify(each.schema), each] as const))(
      `${keyword}: %s`,
      (schema, { valid, nearMiss, ...rest }) => {
        requireAgreement(schema, ajv.compile(rest.schema), { valid, nearMiss });
      },
    );
  }
});

interface OldCase {
  /** The schema in the spelling of an older draft. */
  schema: Record<string, unknown>;
  /** The same schema in the spelling of the newest draft. */
  newest: Record<string, unknown>;
  valid: readonly string[];
  nearMiss: readonly string[];
}

const older: Record<string, OldCase> = {
  'a list in items': {
    schema: { type: 'array', items: [{ type: 'integer' }, letter], additionalItems: { type: 'null' } },
    newest: { type: 'array', prefixItems: [{ type: 'integer' }, letter], items: { type: 'null' } },
    valid: ['[]', '[1]', '[1,"a"]', '[1,"a",null]'],
    nearMiss: ['["a"]', '[1,1]', '[1,"a",1]'],
  },
  'a list in items, with no further items': {
    schema: { type: 'array', items: [letter, letter], additionalItems: false },
    newest: { type: 'array', prefixItems: [letter, letter], items: false },
    valid: ['[]', '["a","b"]'],
    nearMiss: ['["a","b","a"]'],
  },
  'additionalItems, ignored if items is one schema': {
    schema: { type: 'array', items: letter, additionalItems: false },
    newest: { type: 'array', items: letter },
    valid: ['["a","b","a"]'],
    nearMiss: ['[1]'],
  },
  'dependencies that list names': {
    schema: { type: 'object', properties: { a: letter, b: letter }, dependencies: { a: ['b'] } },
    newest: { type: 'object', properties: { a: letter, b: letter }, dependentRequired: { a: ['b'] } },
    valid: ['{}', '{"b":"a"}', '{"a":"a","b":"a"}'],
    nearMiss: ['{"a":"a"}'],
  },
  'dependencies that are schemas': {
    schema: {
      type: 'object',
      properties: { a: letter, b: letter },
      dependencies: { a: { required: ['b'], properties: { b: { const: 'b' } } } },
    },
    newest: {
      type: 'object',
      properties: { a: letter, b: letter },
      dependentSchemas: { a: { required: ['b'], properties: { b: { const: 'b' } } } },
    },
    valid: ['{}', '{"b":"a"}', '{"a":"a","b":"b"}'],
    nearMiss: ['{"a":"a"}', '{"a":"a","b":"a"}'],
  },
  'bounds that are excluded by a flag': {
    schema: { type: 'integer', minimum: 3, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false },
    newest: { type: 'integer', exclusiveMinimum: 3, maximum: 9 },
    valid: ['4', '9'],
    nearMiss: ['3', '10'],
  },
  'an upper bound that is excluded by a flag': {
    schema: { type: 'number', minimum: 0, exclusiveMinimum: false, maximum: 1, exclusiveMaximum: true },
    newest: { type: 'number', minimum: 0, exclusiveMaximum: 1 },
    valid: ['0', '0.999'],
    nearMiss: ['1', '1.0', '-0.1'],
  },
  'required as a flag, and the type any': {
    schema: {
      type: 'object',
      properties: { a: { ...letter, required: true }, b: { type: 'any', required: false } },
    },
    newest: { type: 'object', properties: { a: letter, b: true }, required: ['a'] },
    valid: ['{"a":"a"}', '{"a":"a","b":[1]}'],
    nearMiss: ['{}', '{"b":1}'],
  },
  definitions: {
    schema: {
      type: 'object',
      properties: { a: { $ref: '#/definitions/letter' } },
      required: ['a'],
      definitions: { letter },
    },
    newest: { type: 'object', properties: { a: letter }, required: ['a'] },
    valid: ['{"a":"b"}'],
    nearMiss: ['{"a":"c"}', '{}'],
  },
  'id as an address': {
    schema: {
      id: 'http://example.org/root.json',
      type: 'array',
      items: { $ref: 'letter.json' },
      definitions: { letter: { id: 'letter.json', ...letter } },
    },
    newest: { type: 'array', items: letter },
    valid: ['[]', '["a","b"]'],
    nearMiss: ['["c"]'],
  },
  'id as an anchor': {
    schema: {
      type: 'array',
      items: { $ref: '#letter' },
      definitions: { letter: { id: '#letter', ...letter } },
    },
    newest: { type: 'array', items: letter },
    valid: ['["a"]'],
    nearMiss: ['["c"]'],
  },
};

describe('older drafts', () => {
  it.each(Object.entries(older))('are read: %s', (_, { schema, newest, valid, nearMiss }) => {
    requireAgreement(JSON.stringify(schema), ajv.compile(newest), { valid, nearMiss });
  });
});

describe('references', () => {
  const tree = {
    type: 'object',
    properties: { of: letter, in: { type: 'array', items: { $ref: '#tree' } } },
    required: ['of'],
    additionalProperties: false,
  };
  const cases: Record<string, Case> = {
    'across identifiers': {
      schema: {
        $id: 'https://example.org/schemas/root',
        type: 'array',
        items: { $ref: 'item' },
        $defs: {
          item: { $id: 'item', allOf: [{ $ref: '#/$defs/own' }], $defs: { own: { type: 'integer' } } },
          own: letter,
        },
      },
      valid: ['[1,2]'],
      nearMiss: ['["a"]'],
    },
    'by a full address, also with a pointer': {
      schema: {
        $id: 'https://example.org/root',
        type: 'object',
        properties: {
          a: { $ref: 'https://example.org/other' },
          b: { $ref: 'https://example.org/other#/$defs/n' },
        },
        $defs: {
          other: { $id: 'https://example.org/other', type: 'null', $defs: { n: { type: 'integer' } } },
        },
      },
      valid: ['{"a":null,"b":1}'],
      nearMiss: ['{"a":1}', '{"b":null}'],
    },
    'to an anchor, and back': {
      schema: { $ref: '#tree', $defs: { tree: { $anchor: 'tree', ...tree } } },
      valid: ['{"of":"a","in":[{"of":"b"}]}'],
      nearMiss: ['{"of":"a","in":[{}]}'],
    },
    'with escapes in the pointer': {
      schema: {
        type: 'array',
        items: { $ref: '#/$defs/a~1b%20c~0' },
        $defs: { 'a/b c~': letter },
      },
      valid: ['["a"]'],
      nearMiss: ['["c"]'],
    },
    'to the root': {
      schema: {
        type: 'object',
        properties: { of: letter, next: { $ref: '#' } },
        required: ['of'],
        additionalProperties: false,
      },
      valid: ['{"of":"a","next":{"of":"b","next":{"of":"a"}}}'],
      nearMiss: ['{"of":"a","next":{}}'],
    },
    'beside other keywords': {
      schema: { $ref: '#/$defs/n', minimum: 5, $defs: { n: { type: 'integer', maximum: 7 } } },
      valid: ['5', '7'],
      nearMiss: ['4', '8'],
    },
    'within not': {
      schema: { type: 'string', not: { $ref: '#/$defs/word' }, $defs: { word: { pattern: '^[a-z]+$' } } },
      valid: ['""', '"A"'],
      nearMiss: ['"a"'],
    },
  };

  it.each(Object.entries(cases))('are resolved %s', (_, { schema, valid, nearMiss }) => {
    const validate = new Ajv.default({ strict: false }).compile(schema);
    requireAgreement(JSON.stringify(schema), validate, { valid, nearMiss });
  });
});

describe('kinds of values that a schema does not mention', () => {
  it.each([
    [{ contains: { type: 'string', pattern: '^a', format: 'date' } }, ['1', '{}', 'true'], ['[]', '["a"]']],
    [{ properties: { a: { $ref: '#' } }, required: ['a'] }, ['null', '"a"', '{"a":[]}'], ['{}', '{"a":{}}']],
    [{ minLength: 5, maxLength: 3 }, ['0', '[]'], ['"a"']],
  ])('are allowed if no other value satisfies the schema: %j', (schema, valid, nearMiss) => {
    const spec = { type: 'json_schema' as const, schema: JSON.stringify(schema) };
    for (const text of valid) expect([text, accepts(spec, text)]).toEqual([text, true]);
    for (const text of nearMiss) expect([text, accepts(spec, text)]).toEqual([text, false]);
  });

  it('are not allowed if another value satisfies the schema', () => {
    const spec = { type: 'json_schema' as const, schema: JSON.stringify({ properties: { a: letter } }) };
    expect(accepts(spec, '{"a":"b"}')).toBe(true);
    expect(accepts(spec, '3')).toBe(false);
  });
});

describe('keywords that assert nothing', () => {
  it('are ignored: annotations, unknown formats and unknown keywords', () => {
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $comment: 'c',
      title: 't',
      type: 'object',
      properties: {
        a: {
          type: 'string',
          format: 'int-or-so',
          contentEncoding: 'base64',
          contentMediaType: 'image/png',
          maxLength: 3,
        },
        b: { type: 'integer', format: 'int32', example: 3, examples: [3], 'x-order': 1, nullable: true },
      },
      required: ['a', 'b'],
      additionalProperties: false,
      discriminator: { propertyName: 'a' },
      unevaluatedProperties: true,
    };
    const spec = { type: 'json_schema' as const, schema: JSON.stringify(schema) };
    expect(accepts(spec, '{"a":"=?","b":3}')).toBe(true);
    expect(accepts(spec, '{"a":"abcd","b":3}')).toBe(false);
    expect(accepts(spec, '{"a":"a","b":null}')).toBe(false);
  });
});

describe('bounds of numbers', () => {
  const bound = fc.double({ min: -2000, max: 2000, noNaN: true }).map((value) => Number(value.toFixed(3)));

  it('are observed for random decimals', () => {
    fc.assert(
      fc.property(bound, bound, fc.boolean(), bound, (one, other, exclusive, value) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other) + 0.5];
        const schema = exclusive
          ? { exclusiveMinimum: low, exclusiveMaximum: high }
          : { minimum: low, maximum: high };
        const spec = { type: 'json_schema' as const, schema: JSON.stringify({ type: 'number', ...schema }) };
        for (const each of [value, low, high, (low + high) / 2]) {
          const rounded = Number(each.toFixed(3)) + 0; // no -0
          const inside = exclusive ? rounded > low && rounded < high : rounded >= low && rounded <= high;
          expect([rounded, accepts(spec, String(rounded))]).toEqual([rounded, inside]);
        }
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  it('are observed for random whole numbers and multiples', () => {
    const whole = fc.integer({ min: -3000, max: 3000 });
    fc.assert(
      fc.property(whole, whole, fc.integer({ min: 1, max: 40 }), whole, (one, other, multipleOf, value) => {
        const [minimum, maximum] = [Math.min(one, other), Math.max(one, other) + multipleOf];
        const schema = JSON.stringify({ type: 'integer', minimum, maximum, multipleOf });
        const inside = value >= minimum && value <= maximum && value % multipleOf === 0;
        expect(accepts({ type: 'json_schema', schema }, String(value))).toBe(inside);
      }),
      { seed: 8, numRuns: 60 },
    );
  });
});

describe('white space', () => {
  const schema = JSON.stringify({ type: 'object', properties: { a: letter, b: letter } });

  it('is at most one space, after a colon and a comma', () => {
    expect(accepts({ type: 'json_schema', schema }, '{"a": "a", "b": "b"}')).toBe(true);
    for (const text of [
      '{ "a":"a"}',
      '{"a":  "a"}',
      '{"a" :"a"}',
      '{"a":"a"} ',
      '{"a":\n"a"}',
      '{"a":"a","b":"b" }',
    ]) {
      expect([text, accepts({ type: 'json_schema', schema }, text)]).toEqual([text, false]);
    }
  });
});
