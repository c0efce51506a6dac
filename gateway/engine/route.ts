// Reads the experts of one row from a step's assignments. Pure.
import type { Assignment } from '../../router/selection.ts';
import type { Route } from './messages.ts';

/** `assignments [layers]` are those of a whole step; k may differ between layers. */
export function routeOf(assignments: readonly Assignment[], row: number): Route {
  return assignments.map(({ k, experts }) => Array.from(experts.subarray(row * k, (row + 1) * k)));
}
