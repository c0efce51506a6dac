// Holds a device's logits against the reference, allowing exactly what float32 leaves open and counting each use of
// it. Knows no devices.
//
// Two decisions of a forward pass jump: which expert is best, and to which int8 an activation is rounded. Where the
// operands of such a decision lie closer together than float32 can tell, the device may rightly decide the other way,
// and everything after it differs by far more than the bound. So the comparison is made with the device's decision:
// - experts: where the reference's margin is below `routingMargin`, the device was told the reference's experts;
// - int8: where a position's error is above the bound, near ties (test/reference/int8.ts) of that position or
//   earlier ones are turned until it is not. A turned tie lies within 1e-4 of a step of the half.
// The bound itself is never widened: a position that no near tie explains fails.
import { relativeError } from '../support/error.ts';
import { type ForwardOptions, type ForwardResult, forward } from './forward.ts';

/**
 * Near ties of one position that may turn at once. One is the rule; but a 4-bit embedding times a 16-bit norm weight
 * is a product of short numbers, and layer 0 then has several exact ties in a row (three have been seen to turn).
 */
const deepestSearch = 4;

type Turns = ReadonlyMap<string, number>;

export interface Resolved {
  result: ForwardResult;
  /** Near ties that the device rounded the other way, with their distances. */
  turned: Turns;
  /** Of each position. */
  errors: number[];
}

/** `options.forcedExperts` are the experts that the device used. */
export function resolve(
  options: ForwardOptions,
  device: readonly ArrayLike<number>[],
  bound: number,
): Resolved {
  const run = (turns: Turns, positions: number) => {
    return forward({ ...options, ids: options.ids.slice(0, positions), flips: new Set(turns.keys()) });
  };
  const errorsOf = (result: ForwardResult) => {
    return result.logits.map((row, p) => relativeError(device[p] ?? [], row));
  };

  /** Adds up to `depth` near ties that bring positions 0..last under the bound; undefined where none do. */
  const search = (turns: Turns, last: number, depth: number, seen: Set<string>): Turns | undefined => {
    const key = [...turns.keys()].sort().join();
    if (seen.has(key)) return undefined;
    seen.add(key);
    const result = run(turns, last + 1);
    if (errorsOf(result).every((error) => error <= bound)) return turns;
    if (depth === 0) return undefined;
    const candidates = result.nearTies
      .filter(({ name, position }) => !turns.has(name) && (depth === 1 || position === last))
      .sort((a, b) => b.position - a.position || a.distance - b.distance);
    for (const { name, distance } of candidates) {
      const found = search(new Map(turns).set(name, distance), last, depth - 1, seen);
      if (found) return found;
    }
    return undefined;
  };

  let turned: Turns = new Map();
  let result = run(turned, options.ids.length);
  let errors = errorsOf(result);
  for (let position = 0; position < errors.length; position++) {
    if ((errors[position] as number) <= bound) continue;
    let found: Turns | undefined;
    for (let depth = 1; depth <= deepestSearch && !found; depth++) {
      found = search(turned, position, depth, new Set());
    }
    if (!found) break;
    turned = found;
    result = run(turned, options.ids.length);
    errors = errorsOf(result);
  }
  return { result, turned, errors };
}
