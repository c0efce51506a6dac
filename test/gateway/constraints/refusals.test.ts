import { describe, expect, it } from 'vitest';
import { ConstraintFault } from '../../../gateway/constraints/fault.ts';
import { grammarOf, limits } from '../../../gateway/constraints/grammar-of.ts';
import type { GrammarSpec } from '../../../gateway/constraints/specification.ts';

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

describe('a schema that cannot be honoured', () => {
  it.each([
    'not',
    'if',
    'then',
    'else',
    'contains',
    'minContains',
    'patternProperties',
    'propertyNames',
    'minProperties',
    'maxProperties',
    'dependentRequired',
    'dependentSchemas',
    'unevaluatedProperties',
    'unevaluatedItems',
    'additionalItems',
    'contentEncoding',
    '$dynamicRef',
    '$anchor',
    'nullable',
    'x-mine',
  ])('is refused for %s, by name and place', (keyword) => {
    const { message, path } = schemaFault(inside({ [keyword]: 1 }));
    expect(message).toBe(`the keyword '${keyword}' is not supported`);
    expect(path).toBe(`.properties.a.items.${keyword}`);
  });

  it.each([
    [{ uniqueItems: true }, '.uniqueItems'],
    [{ type: 'float' }, '.type'],
    [{ format: 'color' }, '.format'],
    [{ multipleOf: 0.01 }, '.multipleOf'],
    [{ type: 'integer', multipleOf: 1009 }, '.multipleOf'],
    [{ minLength: -1 }, '.minLength'],
    [{ enum: [] }, '.enum'],
    [{ enum: ['a'], maxLength: 3 }, '.maxLength'],
    [{ items: [{ type: 'string' }] }, '.items'],
    [{ required: 'a' }, '.required'],
    [{ anyOf: [] }, '.anyOf'],
    [{ anyOf: [{ type: 'string' }, { not: {} }] }, '.anyOf[1].not'],
    [{ properties: { 'a b': { not: {} } } }, '.properties["a b"].not'],
    [{ $defs: { unused: { not: {} } } }, '.$defs.unused.not'],
    [{ $ref: 'https://example.org/schema' }, '.$ref'],
    [{ $ref: '#/$defs/none' }, '.$ref'],
    [{ $ref: '#/required', required: ['a'] }, '.$ref'],
    [{ $ref: '#' }, '.$ref'],
    [{ type: 'string', pattern: '(?=a)' }, '.pattern'],
    [{ type: 'string', pattern: 'a\\b' }, '.pattern'],
    [{ type: 'string', pattern: '(a)\\1' }, '.pattern'],
    [{ type: 'string', pattern: '[a' }, '.pattern'],
    [{ type: 'string', pattern: 'a', maxLength: 4 }, '.pattern'],
    [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, '.oneOf'],
    [{ oneOf: [{ required: ['a'] }, { required: ['b'] }] }, '.oneOf'],
    [{ allOf: [{ pattern: 'a' }, { pattern: 'b' }] }, ''],
    [{ type: 'integer', minimum: 3, maximum: 2 }, ''],
    [{ type: 'object', properties: { a: false }, required: ['a'] }, ''],
    [{ type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }, ''],
    [{ anyOf: [{ $ref: '#' }, { type: 'null' }] }, ''],
    [false, ''],
    [7, ''],
  ])('%j at %j', (schema, path) => {
    const told = schemaFault(schema);
    expect(told.message).not.toBe('it was taken');
    expect(told.path).toBe(path);
  });

  it('may be too deep, too large, or no JSON', () => {
    let deep: unknown = {};
    for (let depth = 0; depth < 40; depth++) deep = { items: deep };
    expect(schemaFault(deep).message).toMatch(/more than 32 deep/);
    expect(schemaFault({ anyOf: Array.from({ length: 200 }, (_, i) => ({ const: i })) }).message).toMatch(
      /more than 128 schemas/,
    );
    const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [i, {}]));
    expect(schemaFault({ properties: many }).message).toMatch(/more than 2000 schemas/);
    expect(fault({ type: 'json_schema', schema: `"${'x'.repeat(limits.schema)}"` }).message).toMatch(
      /at most 65536/,
    );
    const brackets = '['.repeat(30_000) + ']'.repeat(30_000);
    expect(fault({ type: 'json_schema', schema: `{"const":${brackets}}` }).message).toMatch(
      /more than 100 deep/,
    );
    expect(fault({ type: 'json_schema', schema: '{"type":' }).message).toMatch(/not JSON/);
  });
});

describe('other specifications that cannot be honoured', () => {
  it.each<[GrammarSpec, RegExp]>([
    [{ type: 'regex', pattern: '(' }, /group without its \)/],
    [{ type: 'regex', pattern: 'a)' }, /unmatched \)/],
    [{ type: 'regex', pattern: '*a' }, /nothing to repeat/],
    [{ type: 'regex', pattern: 'a{3,2}' }, /out of order/],
    [{ type: 'regex', pattern: 'a{1000000}' }, /count above/],
    [{ type: 'regex', pattern: '(a?){3}' }, /may be empty/],
    [{ type: 'regex', pattern: '[^\\s\\S]' }, /matches no text/],
    [{ type: 'regex', pattern: '\\p{L}' }, /\\p at character 1/],
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
  ])('%j', (spec, message) => {
    expect(fault(spec).message).toMatch(message);
  });
});
