// Regular expressions of ECMAScript as a grammar: an automaton if the pattern asserts something about its surroundings, otherwise a
// plain expression.

import { dfaOf } from '../language/determinize.ts';
import { anything, anywhere, type Pattern, readPattern } from '../language/pattern.ts';
import { choice, type Expression, language, nothing, repeat, type Spelling, sequence } from './expression.ts';
import { spelled } from './json-text.ts';

export interface RegexOptions {
  spelling: Spelling;
  /** Whether the pattern matches the whole text. Otherwise it matches anywhere in it, unless ^ and $ say otherwise. */
  whole: boolean;
}

/** Throws a ConstraintFault that says what is not supported and where. */
export function regexExpression(pattern: string, { spelling, whole }: RegexOptions): Expression {
  const read = readPattern(pattern);
  const plain = withoutEnds(read, whole);
  if (plain !== undefined) return written(plain, spelling);
  return language(dfaOf(whole ? read : anywhere(read)), spelling);
}

/** The same texts without ^ and $. Undefined if these are not at the ends, or if the pattern asserts more. */
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
    if (all.some(needsAutomaton)) return undefined;
    items.push({
      kind: 'sequence',
      items: [...(starts || whole ? [] : [anything]), ...all, ...(ends || whole ? [] : [anything])],
    });
  }
  return { kind: 'choice', items };
}

/** Whether the pattern needs an automaton, because it asserts something or repeats what may be empty. */
function needsAutomaton(pattern: Pattern): boolean {
  switch (pattern.kind) {
    case 'set':
      return false;
    case 'sequence':
    case 'choice':
      return pattern.items.some(needsAutomaton);
    case 'repeat':
      return needsAutomaton(pattern.item) || (countsUp(pattern) && mayBeEmpty(pattern.item));
    case 'edge':
    case 'look':
      return true;
  }
}

function countsUp({ least, most }: Pattern & { kind: 'repeat' }): boolean {
  return least > 1 || (most > 1 && most < Number.POSITIVE_INFINITY);
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
      throw new Error('what takes no character cannot be written');
  }
}
