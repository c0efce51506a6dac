// Objects as a grammar: declared properties in their order, those that are required always, then others where they may be.
import { intersect, ofText, without } from '../characters.ts';
import {
  characters,
  choice,
  type Expression,
  impossible,
  nothing,
  repeat,
  sequence,
  text,
} from '../expression.ts';
import { ConstraintFault } from '../fault.ts';
import { anyObject, colon, comma, plainCharacters } from '../json-text.ts';
import { step } from './check.ts';
import type { Schema, SchemaObject } from './keywords.ts';
import type { Define } from './multiples.ts';

/** Each character of a name is a step of recursion where other names may come as well. */
const LONGEST_NAME = 256;

export interface ObjectOptions {
  /** Of a schema within, at this place in it. */
  value: (schema: Schema, path: string) => Expression;
  define: Define;
  /** Names the object among all. */
  key: string;
}

/**
 * Without `additionalProperties`, properties that are not declared do not come, unless none is declared. Their names are
 * written without escapes: a declared name must not come by another spelling.
 */
export function objects(schema: SchemaObject, { value, define, key }: ObjectOptions): Expression {
  const { properties = {}, required = [], additionalProperties } = schema;
  const names = [...new Set([...Object.keys(properties), ...required])];
  if (names.some((name) => name.length > LONGEST_NAME))
    throw new ConstraintFault(`a name is longer than ${LONGEST_NAME} characters`, '.properties');
  const others = additionalProperties ?? names.length === 0;
  if (names.length === 0 && others === true) return anyObject;
  const members = names.map((name) => {
    const own = Object.hasOwn(properties, name) ? properties[name] : undefined;
    const held = value(own ?? additionalProperties ?? true, `.properties${step(name)}`);
    return { member: sequence(text(JSON.stringify(name)), colon, held), required: required.includes(name) };
  });
  if (members.some((each) => each.required && each.member === impossible)) return impossible;
  const other = sequence(otherName(names), colon, value(others, '.additionalProperties'));
  const possible = members.filter(({ member }) => member !== impossible);
  // From the end: what may come where none of the members before was written, and where one was.
  let after = repeatedly(sequence(comma, other));
  let first = choice(nothing, sequence(other, after));
  for (const [i, { member, required }] of [...possible.entries()].reverse()) {
    const written = sequence(member, after);
    const unwritten = { first, after };
    first = define(`${key} first ${i}`, () => (required ? written : choice(written, unwritten.first)));
    after = define(`${key} after ${i}`, () => {
      return required ? sequence(comma, written) : choice(sequence(comma, written), unwritten.after);
    });
  }
  return sequence(text('{'), first, text('}'));
}

function repeatedly(item: Expression): Expression {
  return repeat(item, 0, Number.POSITIVE_INFINITY);
}

/** Any name, in quotes, but these. */
function otherName(names: readonly string[]): Expression {
  return sequence(text('"'), unlike(names.map((name) => Array.from(name))));
}

/** The rest of a name that is none of the rests, and the quote that ends it. */
function unlike(rests: readonly (readonly string[])[]): Expression {
  if (rests.length === 0) return sequence(repeatedly(characters(plainCharacters)), text('"'));
  const firsts = [...new Set(rests.flatMap(([first]) => (first === undefined ? [] : [first])))];
  const branches = firsts
    .filter((first) => intersect(ofText(first), plainCharacters).length > 0)
    .map((first) => {
      const after = rests.filter(([other]) => other === first).map((rest) => rest.slice(1));
      return sequence(text(first), unlike(after));
    });
  const elsewhere = without(plainCharacters, ofText(firsts.join('')));
  const ends = rests.every((rest) => rest.length > 0) ? [text('"')] : [];
  return choice(
    ...ends,
    ...branches,
    sequence(characters(elsewhere), repeatedly(characters(plainCharacters)), text('"')),
  );
}
