// Measures a grammar: its bytes in memory, roughly, and how deep its expressions are nested.
import { type Expression, type Grammar, partsOf } from './expression.ts';

const BYTES_PER_EXPRESSION = 120;
const BYTES_PER_ENTRY = 100;
const BYTES_PER_RANGE = 60;
const BYTES_PER_DFA_STATE = 120;
const BYTES_PER_EDGE = 60;

/** Counts a shared part once. Does not recurse, because a grammar may be nested deeper than the stack allows. */
export function extentOf({ root, rules }: Grammar): { bytes: number; depth: number } {
  const seen = new Set<unknown>();
  let bytes = 0;
  let depth = 0;
  let level: Expression[] = [root, ...rules.values()];
  for (; level.length > 0; depth++) {
    const next: Expression[] = [];
    for (const each of level) {
      if (seen.has(each)) continue;
      seen.add(each);
      bytes += BYTES_PER_EXPRESSION + ownBytes(each, seen);
      for (const inner of newParts(each, seen)) next.push(inner);
    }
    level = next;
  }
  return { bytes, depth };
}

/** Bytes of an expression without the expressions within it. Adds its automaton to `seen`. */
function ownBytes(expression: Expression, seen: Set<unknown>): number {
  switch (expression.kind) {
    case 'text':
      return 2 * expression.text.length;
    case 'characters':
      return BYTES_PER_RANGE * expression.ranges.length;
    case 'language': {
      if (seen.has(expression.dfa)) return 0;
      seen.add(expression.dfa);
      const edges = expression.dfa.reduce((sum, state) => sum + state.edges.length, 0);
      return BYTES_PER_DFA_STATE * expression.dfa.length + BYTES_PER_EDGE * edges;
    }
    case 'entries':
      if (seen.has(expression.of)) return 0;
      return expression.of.reduce((sum, { text }) => sum + BYTES_PER_ENTRY + 2 * text.length, 0);
    default:
      return 0;
  }
}

/** The expressions directly within an expression. A list of entries is added to `seen` and counts only the first time. */
function newParts(expression: Expression, seen: Set<unknown>): readonly Expression[] {
  if (expression.kind !== 'entries') return partsOf(expression);
  if (seen.has(expression.of)) return [];
  seen.add(expression.of);
  return expression.of.map(({ next }) => next);
}
