// What a request is held to, or why it cannot be. Knows no queue.
import type { Constraint } from '../constraints/constraint.ts';
import type { Constraints } from '../constraints/constraints.ts';
import { ConstraintFault } from '../constraints/fault.ts';
import { fault } from './faults.ts';
import type { GenerationError, GenerationRequest } from './messages.ts';

export type Opened = { constraint: Constraint | undefined } | { refused: GenerationError };

export function openConstraint(
  { constraint: spec, stopIds }: Pick<GenerationRequest, 'constraint' | 'stopIds'>,
  constraints: Constraints,
): Opened {
  if (spec === undefined) return { constraint: undefined };
  try {
    return { constraint: constraints.open(spec, { stopIds }) };
  } catch (cause) {
    if (!(cause instanceof ConstraintFault)) throw cause;
    return { refused: constraintFailed(cause) };
  }
}

/** Before any work, or where a grammar turned out to be too ambiguous to follow. */
export function constraintFailed({ message, path }: ConstraintFault): GenerationError {
  return fault(
    'invalid_request',
    `the answer cannot be held to what was asked for: ${message}${path && ` (at ${path})`}`,
  );
}
