// Grammars, patterns, choices and schemas that are made to cost much, drawn from a seed: of each kind of cost that is known, in
// sizes from harmless to far beyond the limits. Knows no server.

type Random = () => number;

/** Fields of a completions or chat request that hold its answer to a form; below 60 KB of JSON. */
export function grammarShapes(random: Random): object {
  const draws = [grammar, grammar, pattern, choices, schema, schema];
  const shape = one(random, draws)(random);
  return JSON.stringify(shape).length < 60_000 ? shape : grammarShapes(random);
}

const kinds = [nestedCounts, deepRepeats, ambiguousRule, nestedGroups, manyRules, manyClasses, unusual];

function grammar(random: Random): object {
  return { guided_grammar: one(random, kinds)(random) };
}

/** `([abc]{1,60}){1,60}` and what is like it. */
function nestedCounts(random: Random): string {
  let body = one(random, ['[abc]', '[a-z ]', '.', '[^x]', '"a"', '("a" | "ab" | "b")', '[a-z] [a-z ]?']);
  for (let depth = between(random, 2, 4); depth > 0; depth--) {
    const tail = one(random, ['', '', ' "b"?', ' [a-c]{0,40}', ' "."']);
    body = `(${body}${tail}){${between(random, 1, 20)},${between(random, 20, 2000)}}`;
  }
  return `root ::= ${body}${one(random, ['', ' "!"', ' [a-z]{3}'])}`;
}

function deepRepeats(random: Random): string {
  const signs = Array.from({ length: between(random, 5, 20_000) }, () => one(random, ['?', '*', '+'])).join(
    '',
  );
  return `root ::= "a"${one(random, [signs, '?'.repeat(9_000), '{0,2}'.repeat(between(random, 5, 2_000))])} "b"`;
}

/** Rules that give many ways to read one text, so that what is open grows with the text. */
function ambiguousRule(random: Random): string {
  return one(random, [
    'root ::= s\ns ::= [a-z] s s | [a-z]',
    'root ::= s\ns ::= [a-z ] s? s? s? "."?',
    'root ::= s+\ns ::= "(" s* ")" | [a-z]+ s* | [a-z ]',
    'root ::= a\na ::= [a-z] a [a-z] | [a-z]',
    'root ::= e\ne ::= t | t "+" e | t " " e\nt ::= [a-z]+ | [a-z]+ t | "(" e ")"',
    'root ::= ([a-z]+ " "?)* | ([a-z ]+)* | ([a-z] [a-z ]*)*',
    'root ::= a b c\na ::= [a-z]*\nb ::= [a-z]*\nc ::= [a-z]* a? b? c?',
    `root ::= ${'[a-z ]? '.repeat(between(random, 10, 1_000))}`,
    `root ::= ${'[a-z]* '.repeat(between(random, 10, 1_000))}`,
    `root ::= ([a-z ]{0,${between(random, 2, 60)}} ","?)*`,
  ]);
}

function nestedGroups(random: Random): string {
  const depth = between(random, 20, 10_000);
  const open = one(random, ['(', '("a" ', '("a" | ', '[a] (']);
  return `root ::= ${open.repeat(depth)}"b"${`)${one(random, ['', '?', '*', '{2,9}'])}`.repeat(depth)}`;
}

/** Chains, circles and doublings of rules. */
function manyRules(random: Random): string {
  const count = between(random, 10, 1_500);
  const body = one<(i: number) => string>(random, [
    (i) => `r${i + 1}`,
    (i) => `r${i + 1} r${i + 1}`,
    (i) => `"a" r${i + 1} | "a" r${i + 1} "b"`,
    (i) => `r${i + 1}? "a"?`,
    (i) => `"a" r${(i * 7 + 1) % count} | r${i + 1} | [a-z]`,
    (i) => `r${Math.max(0, i - 1)} "a" | "a"`,
  ]);
  const rules = Array.from({ length: count }, (_, i) => `r${i} ::= ${body(i)}`);
  return ['root ::= r0', ...rules, `r${count} ::= "a"`].join('\n');
}

function manyClasses(random: Random): string {
  const set = () => {
    const low = between(random, 0x20, 0xffff);
    return `[\\U${hex(low)}-\\U${hex(low + between(random, 1, 0xfffff))}]`;
  };
  const sets = Array.from({ length: between(random, 10, 2_000) }, set);
  return `root ::= (${sets.join(one(random, [' | ', '? ', ' ']))})${one(random, ['', '{1,60}', '*'])}`;
}

function unusual(random: Random): string {
  return one(random, [
    'root ::= ',
    'root ::= root',
    'root ::= "a" root',
    'root ::= root "a" | "a"',
    'root ::= ("")*',
    'root ::= ("" | "a"){1,60}',
    'root ::= [a]{99999} [b]{99999}',
    'root ::= ([a]{0,99999}){0,99999}',
    `root ::= "${'a'.repeat(50_000)}"`,
    `root ::= ${'"a" | '.repeat(8_000)}"a"`,
    `root ::= ${Array.from({ length: 5_000 }, (_, i) => `"${'a'.repeat(i % 8)}${i}"`).join('|')}`,
  ]);
}

function pattern(random: Random): object {
  const count = between(random, 10, 1_000);
  return {
    guided_regex: one(random, [
      '(a|aa)*b',
      `(a|aa){1,${count}}b`,
      `(a?){${count}}`,
      `(a?){${count}}a{${count}}`,
      `([a-z]{1,${count}}){1,${count}}`,
      `(([a-z]{1,9} ?){1,9}[.,]?){1,${count}}`,
      `[ab]*a[ab]{${between(random, 2, 40)}}`,
      `(?=[ab]*a[ab]{${between(random, 2, 15)}}$)(?=[ab]*b[ab]{${between(random, 2, 15)}}$)[ab]+`,
      `(?!.*(${Array.from({ length: between(random, 2, 200) }, (_, i) => `w${i}x`).join('|')}))[a-z0-9 ]+`,
      `(\\b[a-z]+\\b ?){1,${count}}`,
      '(a*)*(b*)*(a*b*)*c',
      `${'(a|b|'.repeat(between(random, 5, 49))}c${')*'.repeat(5)}`,
      `(${'[a-z]?'.repeat(between(random, 10, 600))})*`,
      `\\p{L}{1,${count}}\\p{N}{1,${count}}(\\p{L}|\\p{N}|\\p{P}){1,${count}}`,
      `(${'x+x+'.repeat(between(random, 2, 100))})+y`,
      `.{${count},}`,
    ]),
  };
}

function choices(random: Random): object {
  const count = between(random, 2, 1_024);
  const make = one<(i: number) => string>(random, [
    (i) => 'a'.repeat(i % 60),
    (i) => 'a'.repeat(i % 500),
    (i) => `${'ab'.repeat(i % 20)}${i}`,
    (i) => String.fromCodePoint(0x4e00 + i),
    (i) => `${i}`.repeat(1 + (i % 9)),
  ]);
  return { guided_choice: Array.from({ length: count }, (_, i) => make(i)) };
}

const schemas = [
  optionalProperties,
  alternatives,
  exclusive,
  references,
  deepSchema,
  longEnum,
  counted,
  patterns,
  recursive,
  items,
];

function schema(random: Random): object {
  const made = one(random, schemas)(random);
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
    properties: named(count, () => one(random, [string, true, { type: 'integer' }])),
    ...(random() < 0.5 && { minProperties: between(random, 1, count) }),
    ...(random() < 0.3 && { patternProperties: { '^p[0-9]*[02468]$': string } }),
    ...(random() < 0.3 && { additionalProperties: { type: 'boolean' } }),
  };
}

function objectShape(random: Random, i: number): object {
  return {
    type: 'object',
    properties: named(between(random, 1, 12), () => one(random, [string, { enum: [i] }]), `k${i % 3}`),
    ...(random() < 0.5 && { required: [`k${i % 3}0`] }),
    additionalProperties: random() < 0.5,
  };
}

function alternatives(random: Random): object {
  const count = between(random, 2, 120);
  const list = () => Array.from({ length: count }, (_, i) => objectShape(random, i));
  return one(random, [
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
  return one(random, [
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
  const held = one<(i: number) => unknown>(random, [
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
  const depth = one(random, [between(random, 10, 100), between(random, 100, 2_000)]);
  const wrap = one<(inner: object) => object>(random, [
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
  const value = one<(i: number) => unknown>(random, [
    (i) => `v${i}`,
    (i) => 'a'.repeat(i % 200),
    (i) => i * 1.5,
    (i) => [i, { a: i }],
    (i) => ({ [`k${i % 7}`]: i }),
  ]);
  const all = Array.from({ length: count }, (_, i) => value(i));
  return one(random, [
    { enum: all },
    { type: 'array', items: { enum: all }, uniqueItems: true, minItems: 3 },
    { not: { enum: all }, type: 'string' },
  ]);
}

function counted(random: Random): object {
  const least = between(random, 0, 5_000);
  const most = least + between(random, 0, 200_000);
  return one(random, [
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
    const { guided_regex: made } = pattern(random) as { guided_regex: string };
    return { pattern: random() < 0.5 ? made : `^${made}$` };
  });
  return one(random, [
    { type: 'string', allOf: inner },
    { type: 'string', anyOf: inner, maxLength: between(random, 1, 10_000) },
    { type: 'string', not: { anyOf: inner } },
    { type: 'object', patternProperties: Object.fromEntries(inner.map(({ pattern }) => [pattern, string])) },
    { type: 'object', propertyNames: { allOf: inner }, additionalProperties: string, minProperties: 1 },
  ]);
}

function recursive(random: Random): object {
  return one(random, [
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
    prefixItems: Array.from({ length: count }, (_, i) => one(random, [string, { enum: [i] }, true])),
    ...(random() < 0.5 && { contains: { enum: [1, 2, 3] }, maxContains: 3 }),
  };
}

function one<Item>(random: Random, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

/** A whole number; small ones as often as large ones. */
function between(random: Random, least: number, most: number): number {
  if (least === 0) return between(random, 1, most + 1) - 1;
  return Math.round(least * (most / least) ** random());
}

function hex(point: number): string {
  return Math.min(point, 0x10ffff).toString(16).padStart(8, '0');
}
