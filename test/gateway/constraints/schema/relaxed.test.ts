// Schemas that are not strict: supported keywords are enforced, others are left out and listed by their path.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConstraintFault } from '../../../../gateway/constraints/fault.ts';
import { grammarOf, readGrammar } from '../../../../gateway/constraints/grammar/grammar-of.ts';
import { isSchema } from '../../../../gateway/constraints/schema/keywords.ts';
import type { GrammarSpec } from '../../../../gateway/constraints/specification.ts';
import { HERMES_CALLS } from '../../../support/call-syntax.ts';
import { accepts } from '../writer.ts';
import { schema as randomSchema } from './random-schemas.ts';

const relaxed = (schema: unknown): GrammarSpec => {
  return { type: 'json_schema', schema: JSON.stringify(schema), relaxed: true };
};
const notesOf = (schema: unknown) => readGrammar(relaxed(schema)).notes;

interface Case {
  schema: Record<string, unknown>;
  notes: string[];
  valid: string[];
  nearMiss: string[];
}

const integer = { type: 'integer' };
const cases: Record<string, Case> = {
  'a reference out of the schema': {
    schema: {
      type: 'object',
      properties: { a: { $ref: 'https://example.org/a.json', type: 'string' }, b: integer },
      required: ['a', 'b'],
    },
    notes: ['.properties.a.$ref'],
    valid: ['{"a":"x","b":1}'],
    nearMiss: ['{"a":1,"b":1}', '{"a":"x"}', '{"a":"x","b":"1"}'],
  },
  'items that all differ': {
    schema: {
      type: 'object',
      properties: { tags: { type: 'array', items: { type: 'string' }, uniqueItems: true, minItems: 1 } },
      required: ['tags'],
    },
    notes: ['.properties.tags.uniqueItems'],
    valid: ['{"tags":["a"]}', '{"tags":["a","a"]}'],
    nearMiss: ['{"tags":[]}', '{"tags":[1]}'],
  },
  unevaluatedProperties: {
    schema: { type: 'object', properties: { a: integer }, required: ['a'], unevaluatedProperties: false },
    notes: ['.unevaluatedProperties'],
    valid: ['{"a":1}'],
    nearMiss: ['{"a":"1"}', '{}'],
  },
  'a pattern with lookbehind': {
    schema: {
      type: 'object',
      properties: { id: { type: 'string', pattern: '(?<=a)b', maxLength: 2 } },
      required: ['id'],
    },
    notes: ['.properties.id.pattern'],
    valid: ['{"id":"xy"}', '{"id":""}'],
    nearMiss: ['{"id":"xyz"}', '{"id":1}'],
  },
  'a pattern that refers to its own groups': {
    schema: { type: 'array', items: { type: 'string', pattern: '^(a|b)\\1$' }, maxItems: 1 },
    notes: ['.items.pattern'],
    valid: ['[]', '["x"]'],
    nearMiss: ['["x","y"]', '[1]'],
  },
  'several keywords, each listed by its own path': {
    schema: {
      type: 'object',
      properties: {
        'a b': { type: 'string', pattern: '(?<!x)y' },
        list: { type: 'array', items: { anyOf: [integer, { type: 'array', uniqueItems: true }] } },
        kept: { enum: ['x', 'y'] },
      },
      required: ['kept'],
      unevaluatedProperties: false,
    },
    notes: [
      '.unevaluatedProperties',
      '.properties["a b"].pattern',
      '.properties.list.items.anyOf[1].uniqueItems',
    ],
    valid: ['{"kept":"x"}', '{"a b":"q","list":[1,[1,1]],"kept":"y"}'],
    nearMiss: ['{"kept":"z"}', '{"a b":1,"kept":"x"}', '{"list":["a"],"kept":"x"}', '{}'],
  },
  'a keyword in the target of references': {
    schema: {
      type: 'object',
      properties: { a: { $ref: '#/$defs/Set' }, b: { $ref: '#/$defs/Set' } },
      required: ['a'],
      $defs: { Set: { type: 'array', items: integer, uniqueItems: true } },
    },
    notes: ['.$defs.Set.uniqueItems'],
    valid: ['{"a":[1,1]}', '{"a":[],"b":[2]}'],
    nearMiss: ['{"a":["x"]}', '{"b":[]}'],
  },
  'minProperties above the number of declared properties': {
    schema: {
      type: 'object',
      properties: { a: { type: 'object', minProperties: 3 }, b: integer },
      required: ['a', 'b'],
    },
    notes: ['.properties.a.minProperties'],
    valid: ['{"a":{},"b":1}'],
    nearMiss: ['{"a":[],"b":1}', '{"a":{},"b":"1"}'],
  },
  'not with a format, for which only types and names are enforced': {
    schema: {
      type: 'object',
      properties: { a: { type: 'string', not: { format: 'email' }, maxLength: 3 } },
      required: ['a'],
    },
    notes: [''],
    valid: ['{"a":"abc"}'],
    nearMiss: ['{"a":1}', '{}'],
  },
};

describe('a schema that is not strict', () => {
  it.each(Object.entries(cases))('is followed in part: %s', (_, { schema, notes, valid, nearMiss }) => {
    expect(notesOf(schema)).toEqual(notes);
    for (const text of valid) expect([text, accepts(relaxed(schema), text)]).toEqual([text, true]);
    for (const text of nearMiss) expect([text, accepts(relaxed(schema), text)]).toEqual([text, false]);
    expect(() => grammarOf({ type: 'json_schema', schema: JSON.stringify(schema) })).toThrow(ConstraintFault);
  });

  it('is followed exactly, without notes, if all its keywords are supported', () => {
    const schema = { type: 'object', properties: { a: { not: {} }, b: integer }, required: ['b'] };
    expect(readGrammar(relaxed(schema))).toEqual({
      grammar: grammarOf({ type: 'json_schema', schema: JSON.stringify(schema) }),
      notes: [],
    });
  });

  it('is followed only by its types and names if it has too many unsupported keywords', () => {
    const sets = Array.from({ length: 60 }, (_, i) => [`p${i}`, { type: 'array', uniqueItems: true }]);
    const schema = { type: 'object', properties: Object.fromEntries(sets), required: ['p0'] };
    const notes = notesOf(schema);
    expect(notes.at(-1)).toBe('');
    expect(notes.length).toBeLessThan(30);
    expect(accepts(relaxed(schema), '{"p0":[1,1],"p59":[]}')).toBe(true);
    expect(accepts(relaxed(schema), '{"p1":[]}')).toBe(false);
    expect(accepts(relaxed(schema), '{"p0":{}}')).toBe(false);
  });

  it.each([
    [{ type: 'object', properties: { a: { type: 'text' } } }, '.properties.a.type'],
    [{ type: 'object', required: 'a' }, '.required'],
    [{ anyOf: [] }, '.anyOf'],
    [{ minLength: -1 }, '.minLength'],
    [{ type: 'object', properties: [] }, '.properties'],
  ])('is refused if it is not a valid schema: %j', (schema, path) => {
    const fault = expect.objectContaining({ path, invalid: true });
    expect(() => readGrammar(relaxed(schema))).toThrow(fault);
  });

  it('is accepted if it is valid, whatever keywords it contains', () => {
    const odd = fc.constantFrom(
      { unevaluatedProperties: false },
      { unevaluatedItems: { type: 'string' } },
      { $ref: 'other.json' },
      { $dynamicRef: '#node' },
      { pattern: '(?<!a)b' },
      { type: 'array', uniqueItems: true },
      { type: 'object', minProperties: 9 },
      { multipleOf: 1e-9 },
    );
    fc.assert(
      fc.property(randomSchema, odd, (schema, part) => {
        const whole = isSchema(schema) && typeof schema !== 'boolean' ? schema : {};
        const { $defs, ...rest } = whole;
        const document = {
          type: 'object',
          properties: { a: { anyOf: [{ ...rest, ...part }, true] }, b: rest },
          $defs,
        };
        try {
          readGrammar(relaxed(document));
        } catch (cause) {
          if (!(cause instanceof ConstraintFault) || !cause.invalid) throw cause;
        }
      }),
      { seed: 31, numRuns: 250 },
    );
  });
});

describe('tools that are not strict', () => {
  const syntax = HERMES_CALLS;
  const parameters = (schema: unknown) => JSON.stringify(schema);
  const calls = (tools: Extract<GrammarSpec, { type: 'tool_calls' }>['tools']): GrammarSpec => {
    return { type: 'tool_calls', mode: 'required', parallel: false, tools, syntax };
  };
  const call = (name: string, of: string) =>
    `<tool_call>\n{"name": "${name}", "arguments": ${of}}\n</tool_call>`;
  const set = {
    type: 'object',
    properties: { ids: { type: 'array', items: integer, uniqueItems: true } },
    required: ['ids'],
  };

  it('have notes with their index, and are followed as far as possible', () => {
    const spec = calls([
      { name: 'plain' },
      { name: 'set', parameters: parameters(set), relaxed: true },
      { name: 'far', parameters: parameters({ $ref: 'https://example.org/x' }), relaxed: true },
    ]);
    expect(readGrammar(spec).notes).toEqual([
      '[1].function.parameters.properties.ids.uniqueItems',
      '[2].function.parameters.$ref',
    ]);
    for (const text of [
      call('set', '{"ids":[1,1]}'),
      call('far', '{}'),
      call('far', '{"a":[1]}'),
      call('plain', '{}'),
    ])
      expect([text, accepts(spec, text)]).toEqual([text, true]);
    for (const text of [call('set', '{"ids":["1"]}'), call('set', '{}'), call('far', '[]'), call('far', '1')])
      expect([text, accepts(spec, text)]).toEqual([text, false]);
  });

  it('may be mixed with strict tools, and the first strict tool with an unsupported keyword gets a fault', () => {
    const spec = calls([
      { name: 'loose', parameters: parameters(set), relaxed: true },
      { name: 'strict', parameters: parameters(set) },
    ]);
    const path = '[1].function.parameters.properties.ids.uniqueItems';
    expect(() => readGrammar(spec)).toThrow(expect.objectContaining({ path }));
  });

  it.each([
    [
      'in $defs',
      {
        type: 'object',
        properties: { to: { $ref: '#/$defs/Address' } },
        required: ['to'],
        $defs: { Address: { type: 'object', properties: { zip: integer }, required: ['zip'] } },
      },
    ],
    [
      'in definitions, from the root',
      {
        $ref: '#/definitions/Args',
        definitions: {
          Args: {
            type: 'object',
            properties: { to: { type: 'object', properties: { zip: integer }, required: ['zip'] } },
            required: ['to'],
          },
        },
      },
    ],
    [
      'to a property beside it',
      {
        type: 'object',
        properties: {
          from: { type: 'object', properties: { zip: integer }, required: ['zip'] },
          to: { $ref: '#/properties/from' },
        },
        required: ['to'],
      },
    ],
    // This schema looks like a tool. Its references must not lead into the list of tools.
    [
      'in a schema that looks like a tool',
      {
        type: 'object',
        properties: { to: { $ref: '#/$defs/function' } },
        required: ['to'],
        $defs: {
          function: {
            type: 'object',
            properties: { name: { type: 'string' }, zip: integer },
            required: ['zip'],
          },
        },
        name: 'f',
        function: { parameters: { type: 'string' } },
      },
    ],
  ])('resolve references within their own parameters: %s', (_, schema) => {
    const other = {
      $defs: { Address: { type: 'string' }, function: { type: 'null' } },
      definitions: { Args: { type: 'object' } },
    };
    for (const relaxed of [{ relaxed: true as const }, {}]) {
      const spec = calls([
        { name: 'before', parameters: parameters({ type: 'object', ...other }), ...relaxed },
        { name: 'probe', parameters: parameters(schema), ...relaxed },
      ]);
      expect(readGrammar(spec).notes).toEqual([]);
      expect(accepts(spec, call('probe', '{"to": {"zip": 12}}'))).toBe(true);
      for (const of of ['{"to": {"zip": "12"}}', '{"to": {}}', '{"to": "x"}', '{"to": null}', '{}'])
        expect([of, accepts(spec, call('probe', of))]).toEqual([of, false]);
    }
  });

  it('are followed at every depth if they refer to themselves', () => {
    const node = {
      type: 'object',
      properties: { v: integer, next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } },
      required: ['v', 'next'],
      additionalProperties: false,
    };
    const spec = calls([{ name: 'list', parameters: parameters(node), relaxed: true }]);
    expect(accepts(spec, call('list', '{"v": 1, "next": {"v": 2, "next": null}}'))).toBe(true);
    expect(accepts(spec, call('list', '{"v": 1, "next": {"v": 2}}'))).toBe(false);
  });
});
