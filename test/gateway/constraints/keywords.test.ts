// For each keyword that is claimed: what the mask lets through, and what it does not although it is nearly right.
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formats } from '../../../gateway/constraints/schema/formats.ts';
import { assertions } from '../../../gateway/constraints/schema/keywords.ts';
import { accepts } from './writer.ts';

const ajv = new Ajv.default({ strict: false });
addFormats.default(ajv);

interface Case {
  schema: Record<string, unknown>;
  /** JSON texts. */
  valid: readonly string[];
  nearMiss: readonly string[];
}

const letter = { enum: ['a', 'b'] };

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
  ],
  format: Object.entries({
    date: [['2024-12-31'], ['2024-13-01', '2024-02-30', '24-01-01']],
    time: [
      ['23:59:59Z', '08:00:00.5+02:00'],
      ['24:00:00Z', '23:60:00Z', '23:59:59'],
    ],
    'date-time': [['2024-12-31T23:59:59Z'], ['2024-12-31 23:59:59', '2024-12-31T25:00:00Z']],
    duration: [
      ['P1Y2M', 'PT5S', 'P3W'],
      ['P', '1Y', 'P1S', 'PT'],
    ],
    uuid: [
      ['123e4567-e89b-12d3-a456-426614174000'],
      ['123e4567-e89b-12d3-a456-42661417400', '123e4567e89b12d3a456426614174000'],
    ],
    email: [['a.b@example.org'], ['a.b@', '@example.org', 'a b@example.org']],
    hostname: [
      ['example.org', 'a'],
      ['-a.org', 'a..b', 'a-'],
    ],
    ipv4: [['192.168.0.255'], ['256.1.1.1', '1.2.3', '1.2.3.4.5']],
    ipv6: [['2001:db8:0:0:0:ff00:42:8329'], ['2001:db8:0:0:0:ff00:42', '2001:db8:0:0:0:ff00:42:g']],
    uri: [['https://example.org/a?b=c#d'], ['example.org', 'https//example.org', 'https://exa mple.org']],
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
  ],
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
  ],
};

describe('keywords that are claimed', () => {
  it('all have a case', () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(assertions).sort());
    expect(cases.format?.map(({ schema }) => schema.format)).toEqual(Object.keys(formats));
  });

  for (const [keyword, all] of Object.entries(cases)) {
    it.each(all.map((each) => [JSON.stringify(each.schema), each] as const))(
      `${keyword}: %s`,
      (schema, { valid, nearMiss, ...rest }) => {
        const validate = ajv.compile(rest.schema);
        const spec = { type: 'json_schema' as const, schema };
        for (const text of valid) {
          expect([text, validate(JSON.parse(text))]).toEqual([text, true]);
          expect([text, accepts(spec, text)]).toEqual([text, true]);
        }
        for (const text of nearMiss) {
          expect([text, validate(JSON.parse(text))]).toEqual([text, false]);
          expect([text, accepts(spec, text)]).toEqual([text, false]);
        }
      },
    );
  }
});

describe('bounds of numbers', () => {
  const bound = fc.double({ min: -2000, max: 2000, noNaN: true }).map((value) => Number(value.toFixed(3)));

  it('hold for every decimal', () => {
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

  it('hold for every whole number and multiple', () => {
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

  it('is one space at most, behind a colon and a comma', () => {
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
