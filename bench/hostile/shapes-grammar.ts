// Grammars, patterns and choices that are made to be expensive, drawn from a seed. They cover every known kind of cost in
// sizes from harmless to far beyond the limits.
import { between, pick, type Random } from './random.ts';
import { regex } from './shapes-regex.ts';
import { schema } from './shapes-schema.ts';

/** Fields of a request that constrain its answer. They have less than 60,000 characters of JSON. */
export function grammarShapes(random: Random): object {
  const draws = [grammar, grammar, pattern, choices, schema, schema];
  const shape = pick(random, draws)(random);
  return JSON.stringify(shape).length < 60_000 ? shape : grammarShapes(random);
}

const grammars = [nestedCounts, deepRepeats, ambiguousRule, nestedGroups, manyRules, manyClasses, unusual];

function grammar(random: Random): object {
  return { guided_grammar: pick(random, grammars)(random) };
}

/** Nested repetitions with counts, such as `([abc]{1,60}){1,60}`. */
function nestedCounts(random: Random): string {
  let body = pick(random, ['[abc]', '[a-z ]', '.', '[^x]', '"a"', '("a" | "ab" | "b")', '[a-z] [a-z ]?']);
  for (let depth = between(random, 2, 4); depth > 0; depth--) {
    const tail = pick(random, ['', '', ' "b"?', ' [a-c]{0,40}', ' "."']);
    body = `(${body}${tail}){${between(random, 1, 20)},${between(random, 20, 2000)}}`;
  }
  return `root ::= ${body}${pick(random, ['', ' "!"', ' [a-z]{3}'])}`;
}

function deepRepeats(random: Random): string {
  const signs = Array.from({ length: between(random, 5, 20_000) }, () => pick(random, ['?', '*', '+'])).join(
    '',
  );
  return `root ::= "a"${pick(random, [signs, '?'.repeat(9_000), '{0,2}'.repeat(between(random, 5, 2_000))])} "b"`;
}

/** Rules that match one text in many ways, so the state of a parser grows with the text. */
function ambiguousRule(random: Random): string {
  return pick(random, [
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
  const open = pick(random, ['(', '("a" ', '("a" | ', '[a] (']);
  return `root ::= ${open.repeat(depth)}"b"${`)${pick(random, ['', '?', '*', '{2,9}'])}`.repeat(depth)}`;
}

/** Rules that refer to each other, once or twice in a rule, in chains and in circles. */
function manyRules(random: Random): string {
  const count = between(random, 10, 1_500);
  const body = pick<(i: number) => string>(random, [
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
  return `root ::= (${sets.join(pick(random, [' | ', '? ', ' ']))})${pick(random, ['', '{1,60}', '*'])}`;
}

function unusual(random: Random): string {
  return pick(random, [
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
  return { guided_regex: regex(random) };
}

function choices(random: Random): object {
  const count = between(random, 2, 1_024);
  const make = pick<(i: number) => string>(random, [
    (i) => 'a'.repeat(i % 60),
    (i) => 'a'.repeat(i % 500),
    (i) => `${'ab'.repeat(i % 20)}${i}`,
    (i) => String.fromCodePoint(0x4e00 + i),
    (i) => `${i}`.repeat(1 + (i % 9)),
  ]);
  return { guided_choice: Array.from({ length: count }, (_, i) => make(i)) };
}

function hex(point: number): string {
  return Math.min(point, 0x10ffff).toString(16).padStart(8, '0');
}
