// The possible lengths of the texts that an automaton accepts. A text with bounds on its length must avoid every state from which
// it could not end within these bounds.

import { ConstraintFault } from '../fault.ts';
import { everyCharacter } from '../grammar/characters.ts';
import { weaklyKept } from '../kept.ts';
import { spendStates } from '../reading/budget.ts';
import { type Dfa, explore } from './dfa.ts';

/** Most cells of the table (states times lengths), of one byte each. */
const MOST_CELLS = 8 * 2 ** 20;

export interface Lengths {
  /**
   * Whether `least` to `most` more characters can lead from `state` to the end of an accepted text. Throws a ConstraintFault if the
   * answer needs a table of more than MOST_CELLS.
   */
  reaches(state: number, least: number, most: number): boolean;
}

/** Computing this many cells of the table takes as long as making one state of an automaton. */
const CELLS_PER_STATE = 500;

export const lengthsOf = weaklyKept((dfa: Dfa): Lengths => {
  const targets = dfa.map(({ edges }) => Int32Array.from(new Set(edges.map(([, , target]) => target))));
  /** `[length][state]` 1 if exactly `length` more characters can lead to an accepting state. Rows are made on demand. */
  const exact: Uint8Array[] = [Uint8Array.from(dfa, ({ accepting }) => Number(accepting))];
  const row = (length: number): Uint8Array => {
    while (exact.length <= length) {
      if (exact.length * dfa.length > MOST_CELLS) {
        throw new ConstraintFault('its pattern and its length together are too large');
      }
      const shorter = exact[exact.length - 1] as Uint8Array;
      spendStates(Math.ceil(dfa.length / CELLS_PER_STATE));
      const next = new Uint8Array(dfa.length);
      for (const [state, ways] of targets.entries()) {
        for (let i = 0; i < ways.length; i++) next[state]! |= shorter[ways[i]!]!;
      }
      exact.push(next);
    }
    return exact[length] as Uint8Array;
  };
  return {
    reaches(state, least, most) {
      // A longer path has a loop. It need not be tried, because without this loop the path is accepted too and is long enough.
      const end = Math.min(most, Math.max(least, 2 * dfa.length) + dfa.length);
      for (let length = least; length <= end; length++) if (row(length)[state] === 1) return true;
      return false;
    },
  };
});

/** All texts of `least` to `most` characters. */
export function textsOfLength(least: number, most: number): Dfa {
  const last = most < Number.POSITIVE_INFINITY ? most : least;
  return explore<number>(
    0,
    (length) => length,
    (length) => ({
      accepting: length >= least,
      edges:
        length < most
          ? everyCharacter.map(([low, high]) => [low, high, Math.min(length + 1, last)] as const)
          : [],
    }),
  );
}
