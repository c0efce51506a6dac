// Small schemas that could take seconds, gigabytes or the whole stack. Each is refused or read within a bounded time.
import { expect, it } from 'vitest';
import { ConstraintFault } from '../../../../gateway/constraints/fault.ts';
import { grammarOf, readGrammar } from '../../../../gateway/constraints/grammar/grammar-of.ts';
import { HERMES_CALLS } from '../../../support/call-syntax.ts';
import { accepts } from '../writer.ts';

const spec = (schema: unknown) => ({ type: 'json_schema' as const, schema: JSON.stringify(schema) });

function faultOf(schema: unknown): ConstraintFault | undefined {
  try {
    grammarOf(spec(schema));
  } catch (cause) {
    if (cause instanceof ConstraintFault) return cause;
    throw cause;
  }
  return undefined;
}

const list = <Item>(length: number, item: (i: number) => Item) => Array.from({ length }, (_, i) => item(i));
const named = (length: number, held: (i: number) => unknown) => {
  return Object.fromEntries(list(length, (i) => [`p${i}`, held(i)]));
};
const string = { type: 'string' };
const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);
const ambiguous = {
  anyOf: [
    { type: 'array', items: { $ref: '#/$defs/x' }, minItems: 1 },
    { type: 'array', items: { $ref: '#/$defs/x' }, maxItems: 5 },
    { type: 'null' },
  ],
};

it.each<[string, unknown, RegExp, boolean]>([
  [
    'many optional properties',
    { type: 'object', properties: named(5000, () => string) },
    /too many optional properties/,
    true,
  ],
  [
    'many optional properties that are counted',
    { type: 'object', properties: named(12_000, () => true), minProperties: 12_000 },
    /too many optional properties/,
    true,
  ],
  [
    'a value that two branches refuse at every depth',
    { enum: [deep(60)], $ref: '#/$defs/x', $defs: { x: ambiguous } },
    /multiply too much/,
    true,
  ],
  [
    'an intersection of objects with many properties',
    {
      allOf: list(100, (j) => ({ properties: Object.fromEntries(list(300, (i) => [`${j} ${i}`, string])) })),
    },
    /multiply too much/,
    true,
  ],
  [
    'a required property that may have many names',
    {
      type: 'object',
      properties: named(3000, () => string),
      not: { additionalProperties: { type: 'integer' } },
    },
    /multiply too much/,
    true,
  ],
  [
    'a chain of references',
    { $defs: { ...named(1000, (i) => ({ $ref: `#/$defs/p${i + 1}` })), p1000: {} }, $ref: '#/$defs/p0' },
    /more than 300 schemas at once/,
    true,
  ],
  [
    'many items with schemas of their own',
    { prefixItems: list(5000, () => true) },
    /more than 1000 items/,
    false,
  ],
  [
    'many kinds of items that are counted',
    { allOf: list(22, (i) => ({ contains: { const: i }, minContains: 0, maxContains: 0 })) },
    /'contains' with counts so large/,
    false,
  ],
  ['items that are counted one by one', { contains: { const: 1 }, maxItems: 1998 }, /counts so large/, false],
  ['an enum of many lists', { enum: list(200_000, () => []) }, /more than 5000 objects and lists/, false],
  ['a chain of prefixes', { enum: list(1300, (i) => 'a'.repeat(i)) }, /begins with another/, false],
  [
    'a pattern of many optional parts',
    { type: 'string', pattern: '^(?:(?:a?b?){1990}|(?!b)c)$', maxLength: 3000 },
    /too ambiguous/,
    false,
  ],
  [
    'a long text with a large pattern',
    { type: 'string', pattern: '^[ab]*a[ab]{11}$', minLength: 6000 },
    /pattern and its length together/,
    false,
  ],
])('%s: the schema is refused within a bounded time', (_what, schema, message, costly) => {
  const fault = faultOf(schema);
  expect(fault?.message).toMatch(message);
  expect(fault?.costly).toBe(costly);
});

it('a long enum is read in time', () => {
  const words = list(80_000, (i) => `a${i}`);
  expect(faultOf({ enum: words })).toBeUndefined();
  expect(faultOf({ enum: list(100_000, (i) => i) })).toBeUndefined();
  expect(accepts(spec({ enum: words }), '"a79999"')).toBe(true);
  expect(accepts(spec({ enum: words }), '"a80000"')).toBe(false);
});

it('objects that references nest deeply are read in time', () => {
  const chain = named(2000, (i) => ({ type: 'object', properties: { x: { $ref: `#/$defs/p${i + 1}` } } }));
  const schema = spec({ $defs: { ...chain, p2000: { type: 'null' } }, $ref: '#/$defs/p0' });
  const nested = (depth: number, held: string) => '{"x":'.repeat(depth) + held + '}'.repeat(depth);
  expect(accepts(schema, nested(50, '{}'))).toBe(true);
  expect(accepts(schema, nested(50, 'null'))).toBe(false);
});

it('an array of up to 200 different values is read in time', () => {
  const items = { enum: list(200, (i) => i) };
  const schema = spec({ type: 'array', items, uniqueItems: true, minItems: 2, maxItems: 3 });
  for (const text of ['[0,1]', '[3, 150, 199]']) expect(accepts(schema, text), text).toBe(true);
  for (const text of ['[]', '[7]', '[7,7]', '[1,2,3,4]', '[1,200]'])
    expect(accepts(schema, text), text).toBe(false);
});

it('a pattern with many Unicode scripts is read in time', () => {
  const scripts = 'Arabic Armenian Bengali Cyrillic Devanagari Greek Han Hebrew Latin Thai'.split(' ');
  const schema = spec({
    type: 'string',
    pattern: `^[${scripts.map((name) => `\\p{sc=${name}}`).join('')}]$`,
  });
  expect(accepts(schema, '"é"')).toBe(true);
  expect(accepts(schema, '"語"')).toBe(true);
  expect(accepts(schema, '"7"')).toBe(false);
});

it('of a schema that is not strict, only types and names are used if too many patterns must be left out', () => {
  const properties = named(24, (i) => ({ type: 'string', pattern: `^(?:a?b?){${1900 + i}}$` }));
  const schema = { ...spec({ type: 'object', properties }), relaxed: true as const };
  const { notes } = readGrammar(schema);
  expect(notes.length).toBeLessThan(10);
  expect(notes.at(-1)).toBe('');
  expect(accepts(schema, '{"p0":"c"}')).toBe(true);
  expect(accepts(schema, '{"p0":1}')).toBe(false);
});

it('of many tools that each take long, the first are followed exactly, and the others only by types and names', () => {
  const branch = (i: number) => ({ type: 'object', properties: { [`a${i}`]: string }, required: [`a${i}`] });
  const tools = list(60, (j) => {
    return { name: `t${j}`, parameters: JSON.stringify({ oneOf: list(12, branch) }), relaxed: true as const };
  });
  const syntax = HERMES_CALLS;
  const all = { type: 'tool_calls' as const, mode: 'required' as const, tools, parallel: false, syntax };
  const { notes } = readGrammar(all);
  expect(notes).not.toContain('[0].function.parameters');
  expect(notes).toContain('[59].function.parameters');
  expect(notes.length).toBeGreaterThan(20);
});
