// Objects as a grammar: declared properties in their order, those that are required always, then others where they may be.

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
import { anyObject, colon, comma } from '../grammar/json-text.ts';
import { type Dfa, difference, everyText, intersection, isEmpty, listed, noText } from '../language/dfa.ts';
import { propertyTerm } from './shapes/meet.ts';
import type { ObjectShape, OtherNames } from './shapes/shapes.ts';
import { any, never, type Term, type Terms } from './shapes/terms.ts';

/** Names a rule and gives a reference to it; `make` is called once for each key. */
export type Define = (key: string, make: () => Expression) => Expression;

export interface WriteOptions {
  /** Of a value inside. */
  value: (term: Term) => Expression;
  define: Define;
  /** Counts entries of lists of properties that are gone through. */
  spend: (entries: number) => void;
  terms: Terms;
  /** Names the shape among all. */
  key: string;
  /** Of the schema, for errors. */
  path: string;
}

interface Member {
  name: string;
  held: Expression;
  required: boolean;
}

/**
 * Names that the schema is silent on do not come, unless it declares none or some must. Names that are not declared are written
 * without needless escapes: a declared name must not come by another spelling. They may come twice, so they count once toward
 * the least number of properties.
 */
export function objects(
  shape: ObjectShape,
  { value, define, spend, terms, key, path }: WriteOptions,
): Expression {
  const { required, some, least, most } = shape;
  const names = [...new Set([...shape.properties.keys(), ...required])];
  const members: Member[] = [];
  for (const name of names) {
    const held = value(propertyTerm(shape, name));
    if (held === impossible && required.has(name)) return impossible;
    if (held === impossible) continue;
    members.push({ name, held, required: required.has(name) });
  }
  const unbounded = least === 0 && most === Number.POSITIVE_INFINITY;
  if (names.length === 0 && unbounded && some.length === 0 && isPlain(shape.others)) return anyObject;
  const wanted = shape.others.filter(({ implicit }) => !implicit);
  const inNeed = members.length < least || some.length > 0 || (wanted.length === 0 && names.length === 0);
  const mayCome = (inNeed ? shape.others : wanted).filter(({ term }) => term !== never);
  const declared = mayCome.length === 0 ? noText : listed(names);
  const others = mayCome.map((each) => ({ ...each, names: difference(each.names, declared) }));
  const member = ({ names: own, term }: Omit<OtherNames, 'implicit'>) => {
    const held = isEmpty(own) ? impossible : value(term);
    return held === impossible
      ? impossible
      : sequence(text('"'), language(own, 'quoted'), text('"'), colon, held);
  };
  const other = choice(...others.filter(({ implicit }) => !implicit || some.length === 0).map(member));
  const last = lastMember(shape, others, { terms, member, path });
  if (last === impossible) return impossible;

  if (least <= most && members.length + 1 < least && mayCome.length > 0) {
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
  // From the end: what may come once so many members were looked at, by how many of them were written.
  spend((counted + 1) * members.length);
  const ends = Array.from({ length: counted + 1 }, (_, count) => end(count));
  const written = ends.map(() => new Array<Entry>(members.length));
  let open = ends;
  let nextRequired = members.length;
  for (const [i, { name, held, required: must }] of [...members.entries()].reverse()) {
    if (must) nextRequired = i;
    const after = open;
    const to = Math.min(nextRequired + 1, members.length);
    spend((counted + 1) * (to - i));
    open = after.map((_, count) => {
      const following = count + 1 > most ? impossible : (after[Math.min(count + 1, counted)] ?? impossible);
      const own = written[count] ?? [];
      own[i] = { text: JSON.stringify(name), next: sequence(colon, held, following) };
      const unwritten = nextRequired === members.length ? (ends[count] ?? impossible) : impossible;
      const some = sequence(count === 0 ? nothing : comma, entries(own, i, to));
      const body = choice(some, unwritten);
      return body === impossible ? impossible : define(`${key} ${i} ${count}`, () => body);
    });
  }
  const [first = impossible] = open;
  return first === impossible ? impossible : sequence(text('{'), first, text('}'));

  /** What comes behind the declared members, of which `count` were written, or more where it is the most that is told apart. */
  function end(count: number): Expression {
    const missing = least - count - (last === undefined ? 0 : 1);
    const room = most - count - (last === undefined ? 0 : 1);
    if (missing > 1 || room < 0 || (missing === 1 && (other === impossible || room === 0))) return impossible;
    const more = room === 0 ? nothing : parted(count, missing);
    const final = last === undefined ? nothing : last;
    if (last === undefined) return more;
    // The last one stands behind a comma if anything was written.
    if (count > 0) return sequence(more, comma, final);
    if (room === 0 || other === impossible) return missing > 0 ? impossible : final;
    const some = sequence(other, repeat(sequence(comma, other), 0, room - 1), comma, final);
    return missing > 0 ? some : choice(final, some);
  }

  function parted(count: number, missing: number): Expression {
    const room = most - count - (last === undefined ? 0 : 1);
    const following = sequence(comma, other);
    if (count > 0) return repeat(following, Math.max(0, missing), room);
    if (last !== undefined) return nothing;
    const all = sequence(other, repeat(following, 0, room - 1));
    return missing > 0 ? all : choice(nothing, all);
  }
}

/** One that must come, behind all others: were another of its name to follow, that one would count. Undefined: none must. */
function lastMember(
  { some, properties }: ObjectShape,
  others: readonly OtherNames[],
  {
    terms,
    member,
    path,
  }: { terms: Terms; member: (each: { names: Dfa; term: Term }) => Expression; path: string },
): Expression | undefined {
  const [one, ...more] = some;
  if (one === undefined) return undefined;
  if (more.length > 0) {
    throw new ConstraintFault(
      'more than one property that must come by a name that is not told is not supported',
      path,
    );
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
