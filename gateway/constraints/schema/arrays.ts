// Writes an array shape as a grammar: the items of `prefix`, then any number of others. Counts items for `contains`.

import { ConstraintFault } from '../fault.ts';
import {
  choice,
  type Expression,
  impossible,
  nothing,
  optional,
  repeat,
  sequence,
  text,
} from '../grammar/expression.ts';
import { comma } from '../grammar/json-text.ts';
import type { WriteOptions } from './objects.ts';
import type { ArrayShape, SomeItems } from './shapes/shapes.ts';
import { any } from './shapes/terms.ts';
import { sortedJson } from './shapes/values.ts';

/** Most rules of an array whose items are counted: places in the array times possible counts. */
const MOST_PLACES = 4000;
/** Most items that are written out one by one. */
const MOST_LISTED = 1000;
/** Most kinds of items that are counted at once: one kind for each `contains`. An item may be of several kinds. */
const MOST_COUNTED = 8;
/** Up to this many different values may come in any order. More values come in the order of the schema. */
const ANY_ORDER = 6;

/** If the schema has no `items`, as few items as possible come after those of `prefix`. */
export function arrays(shape: ArrayShape, options: WriteOptions): Expression {
  const { prefix, least } = shape;
  if (prefix.length > MOST_LISTED) {
    throw new ConstraintFault(
      `more than ${MOST_LISTED} items with schemas of their own are not supported`,
      options.path,
    );
  }
  // In the worst case no counted item fits a place of `prefix`, and no item is of two counted kinds.
  const behind = Math.max(prefix.length, ...shape.some.map(({ from }) => from));
  const needed = Math.max(least, behind + shape.some.reduce((sum, each) => sum + each.least, 0));
  const most = Math.min(
    shape.most,
    shape.restImplicit && prefix.length > 0 ? needed : Number.POSITIVE_INFINITY,
  );
  if (least > most) return impossible;
  if (shape.unique !== undefined && most > 1) return distinct({ ...shape, most }, options);
  const some = shape.some.filter((each) => each.least > 0 || each.most < Number.POSITIVE_INFINITY);
  if (some.length > 0) return counted({ ...shape, most, some }, options);
  const { value } = options;
  const leading: Expression[] = [];
  for (const item of prefix.slice(0, most)) {
    const written = value(item);
    if (written === impossible) break;
    leading.push(written);
  }
  const whole = leading.length === Math.min(prefix.length, most);
  const rest = whole && most > prefix.length ? value(shape.rest) : impossible;
  const more = rest === impossible ? 0 : most - prefix.length;
  if (leading.length + more < least) return impossible;
  return sequence(text('['), from(0), text(']'));

  /** The items that follow the first `written` ones. */
  function from(written: number): Expression {
    const next = leading[written];
    if (next === undefined) return others(written);
    const all = sequence(written === 0 ? nothing : comma, next, from(written + 1));
    return written < least ? all : optional(all);
  }

  function others(written: number): Expression {
    const missing = Math.max(0, least - written);
    if (more === 0) return nothing;
    if (written > 0) return repeat(sequence(comma, rest), missing, more);
    const all = sequence(rest, repeat(sequence(comma, rest), Math.max(0, missing - 1), more - 1));
    return missing === 0 ? choice(nothing, all) : all;
  }
}

/** Writes an array with counted items: a rule for each place and each list of counts so far. */
function counted(shape: ArrayShape, { value, define, terms, key, path }: WriteOptions): Expression {
  const { prefix, rest, least, most, some } = shape;
  const lastPlace = Math.max(
    1,
    prefix.length,
    least,
    ...some.map(({ from }) => from),
    most < Number.POSITIVE_INFINITY ? most : 0,
  );
  const ceilings = some.map((each) => (each.most < Number.POSITIVE_INFINITY ? each.most : each.least));
  const places = ceilings.reduce((product, ceiling) => product * (ceiling + 1), lastPlace + 1);
  if (places > MOST_PLACES || lastPlace > MOST_LISTED || some.length > MOST_COUNTED)
    throw new ConstraintFault("'contains' with counts so large is not supported", path);
  const none = some.map(() => 0);
  return sequence(text('['), at(0, none), text(']'));

  function at(written: number, counts: readonly number[]): Expression {
    const place = Math.min(written, lastPlace);
    return define(`${key} at ${place} ${counts}`, () => {
      const ended = written >= least && some.every((each, i) => (counts[i] ?? 0) >= each.least);
      const branches = ended ? [nothing] : [];
      if (written < most) {
        for (const kind of combinations(some, written)) {
          const after = counts.map((count, i) => (kind[i] === true ? count + 1 : count));
          if (some.some((each, i) => (after[i] ?? 0) > each.most)) continue;
          const asked = some.map((each, i) =>
            kind[i] === undefined ? any : kind[i] ? each.term : terms.not(each.term),
          );
          const item = value(terms.all(prefix[written] ?? rest, ...asked));
          const capped = after.map((count, i) => Math.min(count, ceilings[i] ?? 0));
          if (item !== impossible)
            branches.push(sequence(written === 0 ? nothing : comma, item, at(place + 1, capped)));
        }
      }
      return choice(...branches);
    });
  }
}

/** All combinations of kinds of an item: true or false for each kind, undefined for a kind that is not counted at this place. */
function combinations(some: readonly SomeItems[], place: number): (boolean | undefined)[][] {
  return some.reduce<(boolean | undefined)[][]>(
    (all, { from }) => {
      const kinds = place < from ? [undefined] : [true, false];
      return all.flatMap((each) => kinds.map((kind) => [...each, kind]));
    },
    [[]],
  );
}

/** Writes an array whose items all differ and are chosen from a few known values. */
function distinct(
  { prefix, rest, least, most, some, unique }: ArrayShape,
  { value, define, terms, key, values }: WriteOptions,
): Expression {
  const known = prefix.length === 0 && some.length === 0 ? values(rest) : undefined;
  if (known === undefined) {
    throw new ConstraintFault(
      'items that all differ are supported only if they have a few values, such as those of an enum',
      unique,
    );
  }
  const all = [...new Map(known.map((each) => [sortedJson(each), each])).values()];
  const items = all.map((each) => value(terms.is(each)));
  const bounds = { least, most: Math.min(most, all.length) };
  if (bounds.least > bounds.most) return impossible;
  const counted = Math.max(1, bounds.least, bounds.most < all.length ? bounds.most : 0);
  const body = all.length > ANY_ORDER ? inOrder(0, 0) : from([]);
  return sequence(text('['), body, text(']'));

  /** The items that follow the values with these indices. */
  function from(used: readonly number[]): Expression {
    return define(`${key} without ${[...used].sort().join(' ')}`, () => {
      const branches = used.length >= bounds.least ? [nothing] : [];
      for (const [i, item] of items.entries()) {
        if (used.includes(i) || used.length >= bounds.most) continue;
        branches.push(sequence(used.length === 0 ? nothing : comma, item, from([...used, i])));
      }
      return choice(...branches);
    });
  }

  /** The items that follow `written` items, which were chosen from the first `decided` values. */
  function inOrder(written: number, decided: number): Expression {
    return define(`${key} after ${written} of ${decided}`, () => {
      const item = items[decided];
      if (item === undefined || written >= bounds.most) return written >= bounds.least ? nothing : impossible;
      const after = inOrder(Math.min(written + 1, counted), decided + 1);
      return choice(sequence(written === 0 ? nothing : comma, item, after), inOrder(written, decided + 1));
    });
  }
}
