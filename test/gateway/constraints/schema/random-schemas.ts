// Random schemas of a few keywords, short names and small values, so that their parts often concern the same values. Checks that
// each schema allows no answer that ajv refuses, and that every answer can end.
import Ajv, { type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { ConstraintFault } from '../../../../gateway/constraints/fault.ts';
import { grammarOf } from '../../../../gateway/constraints/grammar/grammar-of.ts';
import { CompiledGrammar } from '../../../../gateway/constraints/masks/compiled.ts';
import { allows } from '../../../../gateway/constraints/masks/mask.ts';
import type { State } from '../../../../gateway/constraints/masks/state.ts';
import type { GrammarSpec } from '../../../../gateway/constraints/specification.ts';
import { Vocabulary } from '../../../../gateway/constraints/vocabulary.ts';
import { generator, nano } from '../writer.ts';

type Schema = boolean | Record<string, unknown>;

const NAMES = ['a', 'b', 'ab', 'x'];
const name = fc.constantFrom(...NAMES);
const small = fc.nat(3);
const number = fc.constantFrom(-1, 0, 1, 2, 3, 6, 0.5, 1.25, 10);
const scalar = fc.oneof(
  number,
  fc.constantFrom('', 'a', 'b', 'ab', 'ba', 'abc'),
  fc.constantFrom(null, true, false),
);

/** JSON values that satisfy, or nearly satisfy, the schemas. */
export const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;

const pattern = fc.constantFrom(
  '^a',
  'b$',
  '^[ab]*$',
  '^(ab|b)+$',
  '^.{1,2}$',
  '(?=a).b',
  '^(?!a)',
  'a\\b',
  '^x?$',
);

/** Each keyword may be present. Most keywords are absent. */
function some(keywords: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Record<string, unknown>> {
  const seldom = Object.entries(keywords).map(([keyword, held]) => {
    const absent = { arbitrary: fc.constant(undefined), weight: keyword === 'type' ? 1 : 3 };
    return [keyword, fc.oneof({ withCrossShrink: true }, absent, { arbitrary: held, weight: 1 })] as const;
  });
  return fc.record(Object.fromEntries(seldom)).map((made) => {
    return Object.fromEntries(Object.entries(made).filter(([, held]) => held !== undefined));
  });
}

const strings = some({
  type: fc.constantFrom('string', ['string', 'null']),
  minLength: small,
  maxLength: small,
  pattern,
  format: fc.constantFrom('date', 'ipv4', 'json-pointer', 'unheard-of'),
});
const numbers = some({
  type: fc.constantFrom('integer', 'number', ['integer', 'string']),
  minimum: number,
  maximum: number,
  exclusiveMinimum: number,
  exclusiveMaximum: number,
  multipleOf: fc.constantFrom(1, 2, 3, 0.5, 1.5),
});
const values = fc.oneof(
  some({ const: value }),
  some({
    enum: fc.uniqueArray(value, { minLength: 1, maxLength: 4, selector: (each) => JSON.stringify(each) }),
  }),
  some({ type: fc.constantFrom('null', 'boolean', 'object', 'array', 'string', 'number') }),
);

const { schema: made } = fc.letrec<{ schema: Schema; object: Schema; array: Schema; joined: Schema }>(
  (tie) => ({
    object: some({
      type: fc.constantFrom('object', ['object', 'array']),
      properties: fc.dictionary(name, tie('schema'), { maxKeys: 3, noNullPrototype: true }),
      required: fc.uniqueArray(name, { maxLength: 2 }),
      additionalProperties: tie('schema'),
      patternProperties: fc.dictionary(fc.constantFrom('^a', 'b$', '^x'), tie('schema'), {
        maxKeys: 2,
        noNullPrototype: true,
      }),
      propertyNames: fc.oneof(strings, some({ enum: fc.uniqueArray(name, { minLength: 1 }) })),
      minProperties: fc.nat(2),
      maxProperties: small,
      dependentRequired: fc.dictionary(name, fc.uniqueArray(name, { maxLength: 2 }), {
        maxKeys: 2,
        noNullPrototype: true,
      }),
      dependentSchemas: fc.dictionary(name, tie('schema'), { maxKeys: 1, noNullPrototype: true }),
    }),
    array: some({
      type: fc.constantFrom('array'),
      items: tie('schema'),
      prefixItems: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
      minItems: fc.nat(2),
      maxItems: small,
      contains: tie('schema'),
      minContains: fc.nat(2),
      maxContains: fc.nat(2),
      uniqueItems: fc.boolean(),
    }),
    joined: some({
      anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }),
      oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }),
      allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
      not: tie('schema'),
      if: tie('schema'),
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: tie('schema'),
      else: tie('schema'),
    }),
    schema: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      values,
      strings,
      numbers,
      fc.constantFrom(true, false, { $ref: '#/$defs/x' }, { $ref: '#/$defs/y' }),
      tie('object'),
      tie('array'),
      tie('joined'),
      fc.tuple(tie('joined'), fc.oneof(tie('object'), tie('array'), strings, numbers)).map(([one, other]) => {
        return { ...Object(one), ...Object(other) } as Schema;
      }),
    ),
  }),
);

/** Whole documents. References lead to `x` and `y`, which may refer to each other. */
export const schema: fc.Arbitrary<Schema> = fc.tuple(made, made, made).map(([root, x, y]) => {
  const refers = JSON.stringify([root, x, y]).includes('$ref');
  return typeof root === 'boolean' || !refers ? root : { ...root, $defs: { x, y } };
});

const ajv = new Ajv.default({ strict: false, logger: false });
addFormats.default(ajv);
const vocabulary = new Vocabulary(nano);

/** Undefined if ajv follows a circle of references for ever. */
function compiled(text: string): ValidateFunction | undefined {
  ajv.removeSchema();
  try {
    return ajv.compile(apart(JSON.parse(text)) as Schema);
  } catch (cause) {
    if (cause instanceof RangeError) return undefined;
    throw cause;
  }
}

/**
 * The same schema with `contains` separate from `prefixItems`, because ajv accepts lists that are too short if both are together.
 */
function apart(of: unknown): unknown {
  if (Array.isArray(of)) return of.map(apart);
  if (typeof of !== 'object' || of === null) return of;
  const all = Object.fromEntries(Object.entries(of).map(([name, held]) => [name, apart(held)]));
  if (!('contains' in all && 'prefixItems' in all)) return all;
  const { contains, minContains = 1, maxContains, allOf = [], ...rest } = all;
  const counted = { contains, minContains, ...(maxContains !== undefined && { maxContains }) };
  return { ...rest, allOf: [...(allOf as unknown[]), counted] };
}

/** Undefined if ajv cannot decide: for some combinations of patternProperties its code throws. */
function judge(validate: ValidateFunction | undefined, of: unknown): boolean | undefined {
  try {
    return validate?.(of) as boolean | undefined;
  } catch {
    return undefined;
  }
}

/** `held`: all checks passed. `refused`: unsupported. `empty`: no value exists. `endless`: no end was found within MOST_SEEN. */
export type Outcome = 'held' | 'refused' | 'empty' | 'endless';

/** Throws if the grammar of a schema allows an invalid answer, or leads to a state from which no answer can end. */
export function checkSchema(
  of: Schema,
  values: readonly unknown[],
  { seed, walks }: { seed: number; walks: number },
): Outcome {
  const text = JSON.stringify(of);
  const validate = compiled(text);
  const fail = (what: string, about: unknown) => new Error(`${what}: ${JSON.stringify(about)} of ${text}`);
  let grammar: CompiledGrammar;
  try {
    grammar = new CompiledGrammar(grammarOf({ type: 'json_schema', schema: text }), vocabulary);
  } catch (cause) {
    if (!(cause instanceof ConstraintFault)) throw cause;
    if (cause.message !== 'no value satisfies it') return 'refused';
    for (const each of values)
      if (judge(validate, each) === true)
        throw fail('a value that satisfies what is said to have none', each);
    return 'empty';
  }
  for (const each of values) {
    if (takes(grammar, JSON.stringify(each)) && judge(validate, each) === false)
      throw fail('a false accept', each);
  }
  for (let walk = 0; walk < walks; walk++) {
    const written = walked(grammar, generator(seed + walk));
    if (written.ended === false) throw fail('a dead end', written.text);
    if (written.ended === undefined) return 'endless';
    let parsed: unknown;
    try {
      parsed = JSON.parse(written.text);
    } catch {
      throw fail('no JSON', written.text);
    }
    if (judge(validate, parsed) === false) throw fail('a false accept', written.text);
  }
  return 'held';
}

/** A random answer. Throws if the answer cannot end. */
export function answerOf(spec: GrammarSpec, seed: number): string {
  const { text, ended } = walked(new CompiledGrammar(grammarOf(spec), vocabulary), generator(seed));
  if (ended !== true) throw new Error(`no end: ${text}`);
  return text;
}

function takes({ automaton }: CompiledGrammar, text: string): boolean {
  let state: State | undefined = automaton.start();
  for (const byte of Buffer.from(text)) {
    state = state && automaton.step(state, byte);
    if (state === undefined) return false;
  }
  return state.accepting;
}

/** Most tokens that are chosen at random. Then the shortest way to an end is searched for. */
const LONG = 30;
/** Most states that this search looks at. */
const MOST_SEEN = 60_000;

/** `ended`: false if no way leads to an end; undefined if none was found within MOST_SEEN states. */
function walked(
  grammar: CompiledGrammar,
  random: () => number,
): { text: string; ended: boolean | undefined } {
  const { automaton } = grammar;
  let state = automaton.start();
  const written: Uint8Array[] = [];
  const result = (ended: boolean | undefined) => ({ text: Buffer.concat(written).toString(), ended });
  const length = Math.floor(random() * LONG);
  for (let count = 0; count < length; count++) {
    const mask = grammar.mask(state);
    const ids: number[] = [];
    for (let id = 0; id < vocabulary.size; id++) if (allows(mask, id)) ids.push(id);
    if (ids.length === 0) return result(state.accepting);
    // Most differences between schemas concern the characters of JSON's own syntax.
    const signs = ids.filter((id) => /^[[\]{}":,0-9ab]+$/.test(Buffer.from(vocabulary.bytes(id)).toString()));
    const from = signs.length > 0 && random() < 0.7 ? signs : ids;
    const id = from[Math.floor(random() * from.length)] ?? 0;
    written.push(vocabulary.bytes(id));
    for (const byte of vocabulary.bytes(id)) {
      const next = automaton.step(state, byte);
      if (next === undefined) throw new Error(`the mask lets through what the grammar does not: token ${id}`);
      state = next;
    }
  }
  const end = wayToEnd(grammar, state);
  if (!Array.isArray(end)) return result(end);
  written.push(Uint8Array.from(end));
  return result(true);
}

const EVERY = Array.from({ length: 224 }, (_, i) => 0x20 + i);
/** Closing characters, a letter for any character, and letters of literals; no opening characters. */
const NEAR = [...Buffer.from('"}],:01-nultrefas')];

/** The bytes of a short text after which the answer may end. Tries a few bytes first, because they often lead to an end quickly. */
function wayToEnd(grammar: CompiledGrammar, from: State): number[] | false | undefined {
  return shortest(grammar, from, NEAR) || shortest(grammar, from, EVERY);
}

function shortest(
  { automaton }: CompiledGrammar,
  from: State,
  bytes: number[],
): number[] | false | undefined {
  const ways = new Map<State, { before: State | undefined; byte: number }>([
    [from, { before: undefined, byte: 0 }],
  ]);
  const follow = (state: State, some: readonly number[]) => {
    let count = 0;
    for (const byte of some) {
      const next = automaton.step(state, byte);
      if (next === undefined) continue;
      count++;
      if (!ways.has(next)) ways.set(next, { before: state, byte });
    }
    return count;
  };
  for (const state of ways.keys()) {
    if (state.accepting) return bytesTo(state);
    if (ways.size > MOST_SEEN) return undefined;
    if (follow(state, bytes) === 0) follow(state, EVERY);
  }
  return false;

  function bytesTo(state: State): number[] {
    const { before, byte } = ways.get(state) ?? { before: undefined, byte: 0 };
    return before === undefined ? [] : [...bytesTo(before), byte];
  }
}
