// Regular expressions of ECMAScript as a grammar: an automaton if the pattern needs one (for example for a lookahead), otherwise
// an expression, in which counts such as `{1,60}` stay counts.

import { dfaOf } from '../language/determinize.ts';
import { anything, anywhere, hasPart, type Pattern, readPattern } from '../language/pattern.ts';
import { choice, type Expression, language, nothing, repeat, type Spelling, sequence } from './expression.ts';
import { spelled } from './json-text.ts';

/**
 * `whole`: the pattern must match the whole text. If false, it may match anywhere in the text, unless it has ^ or $. Throws a
 * ConstraintFault that says what is not supported and where.
 */
export function regexExpression(
  pattern: string,
  { spelling, whole }: { spelling: Spelling; whole: boolean },
): Expression {
  const read = readPattern(pattern);
  const plain = withoutEnds(read, whole);
  if (plain !== undefined) return written(plain, spelling);
  return language(dfaOf(whole ? read : anywhere(read)), spelling);
}

/** An equivalent pattern without ^ and $. Undefined if one of them is not at an end, or if the rest needs an automaton. */
function withoutEnds(pattern: Pattern, whole: boolean): Pattern | undefined {
  const branches = pattern.kind === 'choice' ? pattern.items : [pattern];
  const items: Pattern[] = [];
  for (const branch of branches) {
    const all = branch.kind === 'sequence' ? [...branch.items] : [branch];
    const isEdge = (item: Pattern | undefined, edge: string) => item?.kind === 'edge' && item.edge === edge;
    const starts = isEdge(all[0], 'start');
    if (starts) all.shift();
    const ends = isEdge(all.at(-1), 'end');
    if (ends) all.pop();
    if (all.some((item) => hasPart(item, needsAutomaton))) return undefined;
    items.push({
      kind: 'sequence',
      items: [...(starts || whole ? [] : [anything]), ...all, ...(ends || whole ? [] : [anything])],
    });
  }
  return { kind: 'choice', items };
}

/** Whether the pattern is an assertion, or counts repetitions of an item that may be empty. */
function needsAutomaton(pattern: Pattern): boolean {
  if (pattern.kind !== 'repeat') return pattern.kind === 'edge' || pattern.kind === 'look';
  const { item, least, most } = pattern;
  return (least > 1 || (most > 1 && most < Number.POSITIVE_INFINITY)) && mayBeEmpty(item);
}

function mayBeEmpty(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case 'set':
      return false;
    case 'sequence':
      return pattern.items.every(mayBeEmpty);
    case 'choice':
      return pattern.items.some(mayBeEmpty);
    case 'repeat':
      return pattern.least === 0 || mayBeEmpty(pattern.item);
    case 'edge':
    case 'look':
      return true;
  }
}

function written(pattern: Pattern, spelling: Spelling): Expression {
  switch (pattern.kind) {
    case 'set':
      return spelled(pattern.ranges, spelling);
    case 'sequence':
      return pattern.items.length === 0
        ? nothing
        : sequence(...pattern.items.map((item) => written(item, spelling)));
    case 'choice':
      return choice(...pattern.items.map((item) => written(item, spelling)));
    case 'repeat':
      return repeat(written(pattern.item, spelling), pattern.least, pattern.most);
    case 'edge':
    case 'look':
      throw new Error('an assertion takes no character, so it cannot be written');
  }
}
