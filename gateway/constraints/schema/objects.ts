// Writes an object shape as a grammar: the declared properties in the order of the schema, the required ones always, then other
// properties if they are allowed.

import { ConstraintFault } from '../fault.ts';
import {
  choice,
  type Entry,
  type Expression,
  entries,
  impossible,
  language,
  nothing,
  repeat,
  sequence,
  text,
} from '../grammar/expression.ts';
import { colon, comma } from '../grammar/json-text.ts';
import { type Dfa, difference, everyText, intersection, isEmpty, listed, noText } from '../language/dfa.ts';
import { propertyTerm } from './shapes/meet.ts';
import type { ObjectShape, OtherNames } from './shapes/shapes.ts';
import { any, never, type Term, type Terms } from './shapes/terms.ts';

/** How an object is written: as in JSON, or as the arguments of a tool call in the syntax of a model. */
export interface ObjectNotation {
  open: Expression;
  close: Expression;
  separator: Expression;
  beforeName: Expression;
  /** The text of a declared name. Throws a ConstraintFault if the name cannot be written. */
  name: (name: string) => string;
  /** Any of these names. */
  anyName: (names: Dfa) => Expression;
  afterName: Expression;
  /** Replaces `WriteOptions.value` for the values of properties. The name is undefined for properties that are not declared. */
  value?: (term: Term, name: string | undefined) => Expression;
}

export const jsonObjects: ObjectNotation = {
  open: text('{'),
  close: text('}'),
  separator: comma,
  beforeName: nothing,
  name: (name) => JSON.stringify(name),
  anyName: (names) => sequence(text('"'), language(names, 'quoted'), text('"')),
  afterName: colon,
};

export interface WriteOptions {
  /** Writes a value that satisfies the term. */
  value: (term: Term) => Expression;
  /** Matches any object in the notation `jsonObjects`. */
  anyObject: Expression;
  notation: ObjectNotation;
  /** All values of a term. Undefined if they are not listed or too many. */
  values: (term: Term) => readonly unknown[] | undefined;
  /** Defines a rule and returns a reference to it. `make` is called once for each key. */
  define: (key: string, make: () => Expression) => Expression;
  /** Charges the work of writing this many entries of lists of properties. */
  spend: (entries: number) => void;
  terms: Terms;
  /** Unique for each shape; the keys of its rules begin with it. */
  key: string;
  /** Path of the schema, for errors. */
  path: string;
}

interface Member {
  name: string;
  value: Expression;
  required: boolean;
}

/** Writes a property whose name is one of `names` and whose value satisfies `term`. */
type NamedMember = (each: { names: Dfa; term: Term }) => Expression;

/**
 * Properties that the schema does not mention are left out, unless the schema declares none or requires more than it declares.
 * Their names are written without needless escapes, because a declared name must not come in another spelling. Undeclared
 * properties may have the same name and are then one property, so all of them together count as one toward `minProperties`.
 */
export function objects(shape: ObjectShape, options: WriteOptions): Expression {
  const { spend, terms, path, notation } = options;
  const { required, some, least, most } = shape;
  const value = notation.value ?? options.value;
  const names = [...new Set([...shape.properties.keys(), ...required])];
  const members = membersOf(shape, names, value);
  if (members === undefined) return impossible;
  const unbounded = least === 0 && most === Number.POSITIVE_INFINITY;
  if (names.length === 0 && unbounded && some.length === 0 && isPlain(shape.others)) {
    if (notation === jsonObjects) return options.anyObject;
  }
  const others = othersOf(shape, names, members.length);
  const member: NamedMember = ({ names: own, term }) => {
    const held = isEmpty(own) ? impossible : value(term, undefined);
    return sequence(notation.beforeName, notation.anyName(own), notation.afterName, held);
  };
  const other = choice(...others.filter(({ implicit }) => !implicit || some.length === 0).map(member));
  const last = lastMember(shape, others, { terms, member, path });
  if (last === impossible) return impossible;

  if (least <= most && members.length + 1 < least && others.length > 0) {
    throw new ConstraintFault(
      `'minProperties' is supported up to one more than the ${members.length} properties that are declared`,
      `${path}.minProperties`,
    );
  }
  const counted = Math.max(
    1,
    least,
    most === Number.POSITIVE_INFINITY ? 0 : Math.min(most, members.length + 1),
  );
  spend((counted + 1) * members.length);
  const bounds = { least, most, other, last, separator: notation.separator };
  const ends = Array.from({ length: counted + 1 }, (_, count) => ending(count, bounds));
  const first = declared(members, ends, most, options);
  return first === impossible ? impossible : sequence(notation.open, first, notation.close);
}

/** The properties with declared or required names that can have a value. Undefined if a required property can have no value. */
function membersOf(
  shape: ObjectShape,
  names: readonly string[],
  value: NonNullable<ObjectNotation['value']>,
): Member[] | undefined {
  const members: Member[] = [];
  for (const name of names) {
    const required = shape.required.has(name);
    const own = value(propertyTerm(shape, name), name);
    if (own !== impossible) members.push({ name, value: own, required });
    else if (required) return undefined;
  }
  return members;
}

/** The sets of undeclared names that may be written. */
function othersOf(
  { others, some, least }: ObjectShape,
  names: readonly string[],
  members: number,
): OtherNames[] {
  const wanted = others.filter(({ implicit }) => !implicit);
  const inNeed = members < least || some.length > 0 || (wanted.length === 0 && names.length === 0);
  const mayCome = (inNeed ? others : wanted).filter(({ term }) => term !== never);
  const own = mayCome.length === 0 ? noText : listed(names);
  return mayCome.map((each) => ({ ...each, names: difference(each.names, own) }));
}

/**
 * The declared members in their order, each optional unless it is required. Rules are made for the last member first. Element
 * `count` of `open` is the rest of the object after `count` members. Element `count` of `ends` is that rest if no more declared
 * members come.
 */
function declared(
  members: readonly Member[],
  ends: readonly Expression[],
  most: number,
  { define, spend, key, notation }: WriteOptions,
): Expression {
  const { separator, beforeName, afterName } = notation;
  const counted = ends.length - 1;
  const written = ends.map(() => new Array<Entry>(members.length));
  let open = ends;
  let nextRequired = members.length;
  for (const [i, { name, value, required }] of [...members.entries()].reverse()) {
    if (required) nextRequired = i;
    const after = open;
    const to = Math.min(nextRequired + 1, members.length);
    spend((counted + 1) * (to - i));
    open = after.map((_, count) => {
      const following = count + 1 > most ? impossible : (after[Math.min(count + 1, counted)] ?? impossible);
      const own = written[count] ?? [];
      own[i] = { text: notation.name(name), next: sequence(afterName, value, following) };
      const unwritten = nextRequired === members.length ? (ends[count] ?? impossible) : impossible;
      const some = sequence(count === 0 ? nothing : separator, beforeName, entries(own, i, to));
      const body = choice(some, unwritten);
      return body === impossible ? impossible : define(`${key} ${i} ${count}`, () => body);
    });
  }
  return open[0] ?? impossible;
}

/** `other` writes one undeclared property. `last` writes the undeclared property that must come at the end, if there is one. */
type Ending = Pick<ObjectShape, 'least' | 'most'> & {
  other: Expression;
  last: Expression | undefined;
  separator: Expression;
};

/** The rest of the object after `count` declared members. The highest count stands for all higher counts too. */
function ending(count: number, { least, most, other, last, separator }: Ending): Expression {
  const missing = least - count - (last === undefined ? 0 : 1);
  const room = most - count - (last === undefined ? 0 : 1);
  if (missing > 1 || room < 0 || (missing === 1 && (other === impossible || room === 0))) return impossible;
  const following = sequence(separator, other);
  if (count > 0) {
    const more = room === 0 ? nothing : repeat(following, Math.max(0, missing), room);
    return last === undefined ? more : sequence(more, separator, last);
  }
  // If nothing was written yet, no comma comes before the first property.
  const alone = last ?? nothing;
  if (room === 0 || other === impossible) return missing > 0 ? impossible : alone;
  const some = sequence(
    other,
    repeat(following, 0, room - 1),
    last === undefined ? nothing : separator,
    alone,
  );
  return missing > 0 ? some : choice(alone, some);
}

/**
 * The undeclared property that must come. It stands at the end, because a parser would replace its value by that of a later
 * property with the same name. Undefined if no undeclared property must come.
 */
function lastMember(
  { some, properties }: ObjectShape,
  others: readonly OtherNames[],
  { terms, member, path }: { terms: Terms; member: NamedMember; path: string },
): Expression | undefined {
  const [one, ...more] = some;
  if (one === undefined) return undefined;
  if (more.length > 0) {
    throw new ConstraintFault('more than one required property that is not declared is not supported', path);
  }
  const own = difference(one.names, listed(properties.keys()));
  return choice(
    ...others.map(({ names, term }) =>
      member({ names: intersection(names, own), term: terms.all(term, one.term) }),
    ),
  );
}

function isPlain([only, ...more]: readonly OtherNames[]): boolean {
  return more.length === 0 && only?.term === any && only.names === everyText;
}
