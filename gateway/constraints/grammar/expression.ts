// The texts that a grammar allows, as a tree of expressions. Every GrammarSpec is translated to such a tree.
//
// Worked example, an integer in brackets:
//   sequence(text('['), repeat(characters(range('0', '9')), 1, 3), text(']'))
import { ConstraintFault } from '../fault.ts';
import { type Dfa, isEmpty } from '../language/dfa.ts';
import { lengthsOf } from '../language/lengths.ts';
import type { Ranges } from './characters.ts';

export type Expression =
  | { kind: 'text'; text: string }
  | { kind: 'characters'; ranges: Ranges }
  | { kind: 'sequence'; items: readonly Expression[] }
  /** A choice without items matches nothing. */
  | { kind: 'choice'; items: readonly Expression[] }
  | { kind: 'repeat'; item: Expression; least: number; most: number }
  | { kind: 'rule'; name: string }
  /** One of the entries from `from` up to but not including `to`: its text, then its `next`. */
  | { kind: 'entries'; of: readonly Entry[]; from: number; to: number }
  /** Texts that the automaton accepts and that have from `least` to `most` characters. */
  | { kind: 'language'; dfa: Dfa; least: number; most: number; spelling: Spelling }
  /** The token with this id, which is not text. */
  | { kind: 'token'; id: number }
  /**
   * Any bytes and tokens that are not text; the answer may end after any of them. As soon as they contain the text `marker` or the
   * token `token`, `rest` must follow. `begun`: text before these bytes that may be the beginning of the marker.
   */
  | { kind: 'free'; marker: string; begun?: string; token?: number; rest: Expression };

/**
 * How a character is written. `itself`: unchanged. `quoted`: as in a JSON string, escaped only if it must be. `escaped`: as in a
 * JSON string, with any escape that JSON allows. This is a name and not a function, because grammars are sent between threads.
 */
export type Spelling = 'itself' | 'quoted' | 'escaped';

export interface Entry {
  text: string;
  next: Expression;
}

export interface Grammar {
  root: Expression;
  rules: ReadonlyMap<string, Expression>;
}

export interface ReadGrammar {
  grammar: Grammar;
  /** Paths of keywords left out of relaxed schemas, such as `.properties.a.not`. `''`: only types and names were kept. */
  notes: readonly string[];
}

/** The empty text. */
export const nothing: Expression = { kind: 'sequence', items: [] };
/** Matches no text. The functions below return this very object if nothing can match. */
export const impossible: Expression = { kind: 'choice', items: [] };

export function text(value: string): Expression {
  return { kind: 'text', text: value };
}

export function characters(ranges: Ranges): Expression {
  return ranges.length === 0 ? impossible : { kind: 'characters', ranges };
}

export function range(low: string, high: string = low): Ranges {
  return [[low.codePointAt(0) ?? 0, high.codePointAt(0) ?? 0]];
}

/** Returns `impossible` if one of the items is impossible. */
export function sequence(...items: readonly Expression[]): Expression {
  if (items.includes(impossible)) return impossible;
  const flat = items.flatMap((item) => (item.kind === 'sequence' ? item.items : [item]));
  const [only] = flat;
  return flat.length === 1 && only !== undefined ? only : { kind: 'sequence', items: flat };
}

/** Returns `impossible` if all items are impossible. */
export function choice(...items: readonly Expression[]): Expression {
  const possible = items.filter((item) => item !== impossible);
  const [only] = possible;
  if (only === undefined) return impossible;
  return possible.length === 1 ? only : { kind: 'choice', items: possible };
}

export function repeat(item: Expression, least: number, most: number): Expression {
  if (item === impossible) return least === 0 ? nothing : impossible;
  if (least === 1 && most === 1) return item;
  const counts = item.kind === 'repeat' ? multiplied(item, { least, most }) : undefined;
  if (item.kind === 'repeat' && counts !== undefined) return repeat(item.item, counts.least, counts.most);
  return { kind: 'repeat', item, least, most };
}

/** How often an item may be repeated; both ends are included. */
export interface Counts {
  least: number;
  most: number;
}

/** The counts of the quantifiers that regular expressions and EBNF share. */
export const quantifiers: readonly (readonly [sign: string, counts: Counts])[] = [
  ['*', { least: 0, most: Number.POSITIVE_INFINITY }],
  ['+', { least: 1, most: Number.POSITIVE_INFINITY }],
  ['?', { least: 0, most: 1 }],
];

/**
 * Joins the counts of two nested repetitions: `([abc]{1,60}){1,60}` is `[abc]{1,3600}`. Returns undefined if the joined counts
 * would have gaps: `(a{2}){0,5}` allows 0, 2, 4 … repetitions of `a`.
 */
export function multiplied(inner: Counts, outer: Counts): Counts | undefined {
  const fewest = Math.max(outer.least, 1);
  // Whether the possible counts continue without a gap from n to n + 1 outer repetitions, and from zero to one.
  const joins =
    fewest * inner.most + 1 >= (fewest + 1) * inner.least && (outer.least > 0 || inner.least <= 1);
  if (outer.most !== outer.least && !joins) return undefined;
  const most = inner.most === 0 || outer.most === 0 ? 0 : inner.most * outer.most;
  return { least: inner.least * outer.least, most };
}

/** Returns `impossible` if all entries are impossible. Lists may be long, so many expressions may share one list. */
export function entries(of: readonly Entry[], from = 0, to = of.length): Expression {
  for (let i = from; i < to; i++) if (of[i]?.next !== impossible) return { kind: 'entries', of, from, to };
  return impossible;
}

/** Returns `impossible` if the automaton accepts no text of `least` to `most` characters. */
export function language(
  dfa: Dfa,
  spelling: Spelling,
  { least = 0, most = Number.POSITIVE_INFINITY }: { least?: number; most?: number } = {},
): Expression {
  const possible =
    least === 0 && most === Number.POSITIVE_INFINITY ? !isEmpty(dfa) : lengthsOf(dfa).reaches(0, least, most);
  return possible ? { kind: 'language', dfa, least, most, spelling } : impossible;
}

export function optional(item: Expression): Expression {
  return repeat(item, 0, 1);
}

export function rule(name: string): Expression {
  return { kind: 'rule', name };
}

/** Most texts of a chain in which each text is a prefix of the next. */
const MOST_ALIKE = 500;

/**
 * Matches any of the texts. Common prefixes are shared, so that a matcher is in few places at once. Throws a ConstraintFault if a
 * chain of texts that are prefixes of each other is longer than MOST_ALIKE.
 */
export function oneOf(texts: readonly string[]): Expression {
  const sorted = [...new Set(texts)].sort().map((each) => Array.from(each));
  return shared(sorted, 0, 0);
}

/** Matches the remainders of sorted texts after their first `at` characters, which are the same in all texts. */
function shared(texts: readonly (readonly string[])[], at: number, depth: number): Expression {
  if (depth > MOST_ALIKE) {
    throw new ConstraintFault(
      `more than ${MOST_ALIKE} texts, each of which begins with another, are not supported`,
    );
  }
  const branches: Expression[] = [];
  for (let from = 0; from < texts.length; ) {
    const first = texts[from] ?? [];
    let to = from + 1;
    while (to < texts.length && texts[to]?.[at] === first[at]) to++;
    if (first.length > at) {
      const last = texts[to - 1] ?? [];
      let common = at + 1;
      while (common < first.length && first[common] === last[common]) common++;
      const beginning = text(first.slice(at, common).join(''));
      branches.push(sequence(beginning, shared(texts.slice(from, to), common, depth + 1)));
    } else branches.push(nothing);
    from = to;
  }
  return choice(...branches);
}

/** The entries that can match. Compares contents, because a grammar from another thread has copies of `impossible`. */
export function entriesOf({ of, from, to }: Expression & { kind: 'entries' }): readonly Entry[] {
  return of.slice(from, to).filter(({ next }) => !(next.kind === 'choice' && next.items.length === 0));
}

/** The expressions directly within an expression. */
export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'sequence':
    case 'choice':
      return expression.items;
    case 'repeat':
      return [expression.item];
    case 'free':
      return [expression.rest];
    case 'entries':
      return entriesOf(expression).map(({ next }) => next);
    default:
      return [];
  }
}
