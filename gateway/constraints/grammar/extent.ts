// Size of a grammar: its bytes, and how deep its expressions are nested. Does not recurse, because a grammar may be deep.
import type { Expression, Grammar } from './expression.ts';

export interface Extent {
  /** In memory, roughly. */
  bytes: number;
  /** Depth of the most nested expression. */
  depth: number;
}

const BYTES_PER_EXPRESSION = 120;
const BYTES_PER_ENTRY = 100;
const BYTES_PER_RANGE = 60;
const BYTES_PER_DFA_STATE = 120;
const BYTES_PER_EDGE = 60;

/** Parts that several expressions share are counted once. */
export function extentOf({ root, rules }: Grammar): Extent {
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
      for (const inner of partsOf(each, seen)) next.push(inner);
    }
    level = next;
  }
  return { bytes, depth };
}

/** Bytes of an expression without the expressions in it. */
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

function partsOf(expression: Expression, seen: Set<unknown>): readonly Expression[] {
  switch (expression.kind) {
    case 'sequence':
    case 'choice':
      return expression.items;
    case 'repeat':
      return [expression.item];
    case 'free':
      return [expression.rest];
    case 'entries': {
      if (seen.has(expression.of)) return [];
      seen.add(expression.of);
      return expression.of.map(({ next }) => next);
    }
    default:
      return [];
  }
}
