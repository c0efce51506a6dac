// Opens the constraints of sequences and finds out which ids may come next, within the time that each tenant may spend. A
// sequence whose constraint is not ready is held: it gets no rows.
import type { ConstraintFault } from '../../constraints/fault.ts';
import { type Constraint, unconstrained } from '../../constraints/masks/constraint.ts';
import type { Constraints } from '../../constraints/masks/constraints.ts';
import { withRead } from '../../constraints/specification.ts';
import { fault } from '../faults.ts';
import type { GenerationError } from '../messages.ts';
import type { Sequence } from '../sequence.ts';

interface PrepareOptions {
  constraints: Constraints;
  /** Milliseconds that each tenant may spend before this step. */
  ownTime: () => ReadonlyMap<string, number>;
  onSpent: (tenant: string, ms: number) => void;
  /** Must not throw. */
  onFailed: (sequence: Sequence, cause: unknown) => void;
}

/** The sequence that has waited longest for a step goes first. A constraint that fails ends its own sequence only. */
export function prepare(
  running: readonly Sequence[],
  { constraints, ownTime, onSpent, onFailed }: PrepareOptions,
): void {
  const bound = running.filter(({ request, ended }) => request.constraint !== undefined && !ended);
  for (const sequence of bound) sequence.held = sequence.isReplaying || sequence.constraint?.ready !== true;
  const waiting = bound.filter(({ held }) => held).sort((a, b) => a.stepped - b.stepped);
  if (waiting.length === 0) return;
  const times = ownTime();
  for (const [tenant, own] of Map.groupBy(waiting, (sequence) => sequence.tenant)) {
    const from = performance.now();
    const until = from + (times.get(tenant) ?? 0);
    const isOver = () => performance.now() >= until;
    for (const sequence of own) {
      if (isOver()) break;
      try {
        const constraint = sequence.constraint ?? opened(sequence, constraints);
        sequence.constraint = constraint;
        sequence.held = !(sequence.replay(isOver) && constraint.prepare(isOver));
      } catch (cause) {
        onFailed(sequence, cause);
      }
    }
    onSpent(tenant, performance.now() - from);
  }
}

function opened({ request, tenant }: Sequence, constraints: Constraints): Constraint {
  const { constraint: spec, grammar, stopIds } = request;
  if (spec === undefined) return unconstrained;
  const read = grammar === undefined ? spec : withRead(spec, grammar);
  return constraints.open(read, { stopIds, tenant });
}

/** The error for a constraint that cannot be opened, or for a grammar that turned out to be too ambiguous. */
export function constraintFailed({ message, path }: ConstraintFault): GenerationError {
  const place = path && ` (at ${path})`;
  return fault('invalid_request', `the answer cannot be constrained as requested: ${message}${place}`);
}
