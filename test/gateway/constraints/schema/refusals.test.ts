import { describe, expect, it } from 'vitest';
import { ConstraintFault } from '../../../../gateway/constraints/fault.ts';
import { grammarOf, limits } from '../../../../gateway/constraints/grammar/grammar-of.ts';
import type { GrammarSpec } from '../../../../gateway/constraints/specification.ts';

function fault(spec: GrammarSpec): { message: string; path: string } {
  try {
    grammarOf(spec);
  } catch (cause) {
    if (cause instanceof ConstraintFault) return { message: cause.message, path: cause.path };
    throw cause;
  }
  return { message: 'it was taken', path: '' };
}

const schemaFault = (schema: unknown) => fault({ type: 'json_schema', schema: JSON.stringify(schema) });
const inside = (schema: unknown) => ({ type: 'object', properties: { a: { type: 'array', items: schema } } });

const noEmail = { type: 'string', not: { format: 'email' } };
const inA = (schema: unknown) => ({ type: 'object', properties: { a: schema }, required: ['a'] });
const notEmail = '.not.properties.o.properties.a';

describe('a schema that cannot be honoured', () => {
  it.each([
    'unevaluatedProperties',
    'unevaluatedItems',
    '$dynamicRef',
    '$recursiveRef',
    'extends',
    'disallow',
  ])('gets a fault that names the keyword %s and its path', (keyword) => {
    const { message, path } = schemaFault(inside({ [keyword]: false }));
    expect(message).toBe(`the keyword '${keyword}' is not supported`);
    expect(path).toBe(`.properties.a.items.${keyword}`);
  });

  it.each([
    [{ type: 'float' }, '.type'],
    [{ multipleOf: 0 }, '.multipleOf'],
    [{ minLength: -1 }, '.minLength'],
    [{ enum: [] }, '.enum'],
    [{ required: 'a' }, '.required'],
    [{ anyOf: [] }, '.anyOf'],
    [{ items: [7] }, '.items[0]'],
    [{ type: 'array', uniqueItems: true }, '.uniqueItems'],
    [{ anyOf: [{ type: 'string' }, { unevaluatedItems: false }] }, '.anyOf[1].unevaluatedItems'],
    [{ properties: { 'a b': { $dynamicRef: '#a' } } }, '.properties["a b"].$dynamicRef'],
    [{ $ref: 'https://example.org/schema' }, '.$ref'],
    [{ $ref: '#/$defs/none' }, '.$ref'],
    [{ $ref: '#/required', required: ['a'] }, '.$ref'],
    [{ $ref: '#' }, '.$ref'],
    [{ anyOf: [{ $ref: '#' }, { type: 'null' }] }, '.anyOf[0].$ref'],
    [{ type: 'string', pattern: '(?<=a)b' }, '.pattern'],
    [{ type: 'string', pattern: '(a)\\1' }, '.pattern'],
    [{ type: 'string', pattern: '[a' }, '.pattern'],
    [{ type: 'integer', minimum: 3, maximum: 2 }, ''],
    [{ type: 'object', properties: { a: false }, required: ['a'] }, ''],
    [{ type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }, ''],
    [{ type: 'string', enum: ['a'], not: { const: 'a' } }, ''],
    [{ oneOf: [{ type: 'integer' }, { type: 'integer' }] }, ''],
    [{ type: 'string', not: { format: 'email' } }, ''],
    [{ type: 'object', minProperties: 2 }, '.minProperties'],
    // Some values of the first branch are left out, so it is unknown whether the second branch overlaps the first.
    [
      {
        prefixItems: [
          {
            type: 'string',
            oneOf: [
              {
                oneOf: [
                  {
                    enum: [
                      { x: [], a: null },
                      { a: [], ab: '', x: '' },
                    ],
                  },
                  { const: [] },
                  {},
                ],
              },
              {},
            ],
          },
        ],
      },
      '.prefixItems[0].oneOf[0]',
    ],
    // It is unknown which strings do not have a format, and so whether a value satisfies another branch too.
    [{ oneOf: [{ type: 'string' }, { type: 'string', not: { format: 'email' } }] }, '.oneOf[1]'],
    [{ oneOf: [inA({ type: 'string' }), inA(noEmail)] }, '.oneOf[1].properties.a'],
    [{ enum: [{ o: { a: 'x' } }], not: { properties: { o: inA(noEmail) } } }, notEmail],
    [false, ''],
    [7, ''],
  ])('gets a fault: for %j, the fault has the path %j', (schema, path) => {
    const told = schemaFault(schema);
    expect(told.message).not.toBe('it was taken');
    expect(told.path).toBe(path);
  });

  it('gets a fault if it is too deep, too large, or not JSON', () => {
    let deep: unknown = {};
    for (let depth = 0; depth < 120; depth++) deep = { items: deep };
    expect(schemaFault(deep).message).toMatch(/more than 100 deep/);
    const many = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [i, {}]));
    expect(schemaFault({ properties: many }).message).toMatch(/more than 50000 schemas/);
    expect(fault({ type: 'json_schema', schema: `"${'x'.repeat(limits.schema)}"` }).message).toMatch(
      /at most 1048576/,
    );
    const brackets = '['.repeat(30_000) + ']'.repeat(30_000);
    expect(fault({ type: 'json_schema', schema: `{"const":${brackets}}` }).message).toMatch(
      /more than 100 deep/,
    );
    expect(fault({ type: 'json_schema', schema: '{"type":' }).message).toMatch(/not JSON/);
    const infinite = fault({ type: 'json_schema', schema: '{"const":{"a":[1e400]}}' });
    const minusZero = fault({ type: 'json_schema', schema: '{"enum":[[-0]],"not":{"const":[0]}}' });
    expect(minusZero.message).toBe('no value satisfies it');
    expect(infinite.message).toMatch(/a number beyond double precision/);
  });
});

describe('other specifications that cannot be honoured', () => {
  it.each<[GrammarSpec, RegExp]>([
    [{ type: 'regex', pattern: '(' }, /group without its \)/],
    [{ type: 'regex', pattern: 'a)' }, /unmatched \)/],
    [{ type: 'regex', pattern: '*a' }, /nothing to repeat/],
    [{ type: 'regex', pattern: 'a{3,2}' }, /out of order/],
    [{ type: 'regex', pattern: 'a{1000000}' }, /count above/],
    [{ type: 'regex', pattern: '[^\\s\\S]' }, /matches no text/],
    [{ type: 'regex', pattern: '\\p{None}' }, /\\p without a property's name at character 1/],
    [{ type: 'regex', pattern: '(?<!a)b' }, /lookbehind or a flag at character 1/],
    [{ type: 'regex', pattern: 'x'.repeat(5000) }, /at most 4096/],
    [{ type: 'regex', pattern: '('.repeat(200) + ')'.repeat(200) }, /groups more than 50 deep/],
    [{ type: 'choice', choices: [] }, /nothing to choose/],
    [{ type: 'choice', choices: Array.from({ length: 2000 }, (_, i) => String(i)) }, /more than 1024/],
    [{ type: 'grammar', grammar: '' }, /no rule "root"/],
    [{ type: 'grammar', grammar: 'root ::= a' }, /"a" is not defined/],
    [{ type: 'grammar', grammar: 'root ::= "a' }, /ends in the middle/],
    [{ type: 'grammar', grammar: 'root ::= "a"\nroot ::= "b"' }, /twice \(line 2\)/],
    [{ type: 'grammar', grammar: 'root ::= root "a" | "b"' }, /begins with itself: "root" → "root"/],
    [{ type: 'grammar', grammar: 'root ::= a | "y"\na ::= "x"? root' }, /begins with itself/],
    [{ type: 'grammar', grammar: 'root ::= "a" root' }, /no text of finite length/],
    [{ type: 'grammar', grammar: 'root ::= [z-a]' }, /out of order/],
    [{ type: 'grammar', grammar: 'root ::= ("a"' }, /without its \)/],
    [{ type: 'grammar', grammar: 'root := "a"' }, /expected a rule/],
  ])('get a fault with the reason: %j', (spec, message) => {
    expect(fault(spec).message).toMatch(message);
  });
});
