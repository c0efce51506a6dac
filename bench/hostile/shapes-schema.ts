// JSON Schemas that are made to be expensive, drawn from a seed. They cover every known kind of cost in sizes from
// harmless to far beyond the limits.
import { between, pick, type Random } from './random.ts';
import { regex } from './shapes-regex.ts';

const objects = [optionalProperties, alternatives, exclusive, references, deepSchema];
const schemas = [...objects, longEnum, counted, patterns, recursive, items];

/** Fields of a request that constrain its answer by a schema. */
export function schema(random: Random): object {
  const made = pick(random, schemas)(random);
  if (random() < 0.5) return { guided_json: made };
  const strict = random() < 0.7;
  return { response_format: { type: 'json_schema', json_schema: { name: 'shape', schema: made, strict } } };
}

const string = { type: 'string' };

function named(count: number, held: (i: number) => unknown, prefix = 'p'): Record<string, unknown> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, held(i)]));
}

function optionalProperties(random: Random): object {
  const count = between(random, 10, 1_200);
  return {
    type: 'object',
    properties: named(count, () => pick(random, [string, true, { type: 'integer' }])),
    ...(random() < 0.5 && { minProperties: between(random, 1, count) }),
    ...(random() < 0.3 && { patternProperties: { '^p[0-9]*[02468]$': string } }),
    ...(random() < 0.3 && { additionalProperties: { type: 'boolean' } }),
  };
}

function objectShape(random: Random, i: number): object {
  return {
    type: 'object',
    properties: named(between(random, 1, 12), () => pick(random, [string, { enum: [i] }]), `k${i % 3}`),
    ...(random() < 0.5 && { required: [`k${i % 3}0`] }),
    additionalProperties: random() < 0.5,
  };
}

function alternatives(random: Random): object {
  const count = between(random, 2, 120);
  const list = () => Array.from({ length: count }, (_, i) => objectShape(random, i));
  return pick(random, [
    { anyOf: list() },
    { anyOf: list(), allOf: [{ anyOf: list() }] },
    { type: 'array', items: { anyOf: list() }, minItems: 5 },
    { anyOf: Array.from({ length: count }, (_, i) => ({ type: 'string', pattern: `^a{1,${i}}b?$` })) },
    {
      allOf: Array.from({ length: count }, (_, i) => ({ anyOf: [objectShape(random, i), { type: 'null' }] })),
    },
  ]);
}

function exclusive(random: Random): object {
  const list = Array.from({ length: between(random, 2, 40) }, (_, i) => objectShape(random, i));
  return pick(random, [
    { oneOf: list },
    { not: { anyOf: list }, type: 'object' },
    { oneOf: list.map((each) => ({ not: each })) },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    { if: list[0], then: { oneOf: list }, else: { not: { oneOf: list } } },
  ]);
}

function references(random: Random): object {
  const count = between(random, 10, 700);
  const next = (i: number) => ({ $ref: `#/$defs/p${i + 1}` });
  const held = pick<(i: number) => unknown>(random, [
    next,
    (i) => ({ allOf: [next(i), next(i)] }),
    (i) => ({ anyOf: [next(i), { type: 'null' }] }),
    (i) => ({ type: 'object', properties: { a: next(i), b: next(i) } }),
    (i) => ({ not: next(i) }),
  ]);
  return { $ref: '#/$defs/p0', $defs: { ...named(count, held), [`p${count}`]: string } };
}

function deepSchema(random: Random): object {
  let made: object = string;
  const depth = pick(random, [between(random, 10, 100), between(random, 100, 2_000)]);
  const wrap = pick<(inner: object) => object>(random, [
    (inner) => ({ properties: { a: inner }, required: ['a'] }),
    (inner) => ({ items: inner, type: 'array' }),
    (inner) => ({ allOf: [inner] }),
    (inner) => ({ not: inner }),
    (inner) => ({ anyOf: [inner, { type: 'null' }] }),
  ]);
  for (let i = 0; i < depth; i++) made = wrap(made);
  return made;
}

function longEnum(random: Random): object {
  const count = between(random, 10, 4_000);
  const value = pick<(i: number) => unknown>(random, [
    (i) => `v${i}`,
    (i) => 'a'.repeat(i % 200),
    (i) => i * 1.5,
    (i) => [i, { a: i }],
    (i) => ({ [`k${i % 7}`]: i }),
  ]);
  const all = Array.from({ length: count }, (_, i) => value(i));
  return pick(random, [
    { enum: all },
    { type: 'array', items: { enum: all }, uniqueItems: true, minItems: 3 },
    { not: { enum: all }, type: 'string' },
  ]);
}

function counted(random: Random): object {
  const least = between(random, 0, 5_000);
  const most = least + between(random, 0, 200_000);
  return pick(random, [
    { type: 'string', minLength: least, maxLength: most },
    { type: 'string', minLength: 2 ** 53, maxLength: 2 ** 53 },
    { type: 'string', pattern: '^[ab]*a[ab]{10}$', minLength: least },
    { type: 'string', pattern: '^(ab|a|b)*$', maxLength: most },
    {
      type: 'array',
      items: { type: 'array', items: string, maxItems: most },
      minItems: least,
      maxItems: most,
    },
    { type: 'array', items: true, contains: { type: 'integer' }, minContains: least % 50, maxItems: 900 },
    { type: 'number', multipleOf: 0.001, minimum: -least, maximum: most },
    { type: 'integer', multipleOf: 9_973, minimum: least },
  ]);
}

function patterns(random: Random): object {
  const inner = Array.from({ length: between(random, 1, 12) }, () => {
    const made = regex(random);
    return { pattern: random() < 0.5 ? made : `^${made}$` };
  });
  return pick(random, [
    { type: 'string', allOf: inner },
    { type: 'string', anyOf: inner, maxLength: between(random, 1, 10_000) },
    { type: 'string', not: { anyOf: inner } },
    { type: 'object', patternProperties: Object.fromEntries(inner.map(({ pattern }) => [pattern, string])) },
    { type: 'object', propertyNames: { allOf: inner }, additionalProperties: string, minProperties: 1 },
  ]);
}

function recursive(random: Random): object {
  return pick(random, [
    { $ref: '#' },
    { anyOf: [{ $ref: '#' }, string] },
    { type: 'array', items: { $ref: '#' } },
    { type: 'array', items: { anyOf: [{ $ref: '#' }, { $ref: '#' }, string] } },
    { properties: named(between(random, 1, 100), () => ({ $ref: '#' })) },
    { not: { $ref: '#' } },
    { type: 'object', additionalProperties: { $ref: '#' }, propertyNames: { pattern: '^(a|aa)*$' } },
  ]);
}

function items(random: Random): object {
  const count = between(random, 2, 1_200);
  return {
    type: 'array',
    prefixItems: Array.from({ length: count }, (_, i) => pick(random, [string, { enum: [i] }, true])),
    ...(random() < 0.5 && { contains: { enum: [1, 2, 3] }, maxContains: 3 }),
  };
}
