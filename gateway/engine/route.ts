// Reads one row's experts out of a step's assignments. Pure; knows no tokens.
import type { Assignment } from '../../router/selection.ts';
import type { Route } from './messages.ts';

/** `assignments` are those of a whole step, `[layers]`; k may differ between layers. */
export function routeOf(assignments: readonly Assignment[], row: number): Route {
  return assignments.map(({ k, experts }) => Array.from(experts.subarray(row * k, (row + 1) * k)));
}
