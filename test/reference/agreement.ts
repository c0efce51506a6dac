// Compares a device's logits with the reference. It allows only the decisions that float32 leaves open, and counts them.
//
// Two decisions of a forward pass are discontinuous: which expert is best, and to which int8 an activation is rounded. If the
// operands of such a decision are closer together than the precision of float32, the device may rightly decide the other way,
// and all later values differ by far more than the bound. So the comparison uses the same decision on both sides:
// - experts: if the reference's margin is below `routingMargin`, the device uses the reference's experts;
// - int8: if a position's error is above the bound, near ties (test/reference/int8.ts) of that position or earlier ones are
//   turned, which means rounded the other way, until the error is below the bound. A turned tie is at most 1e-4 of a step
//   away from the middle between two int8 values, or `reaches` times as much.
// The bound itself is never widened: a position that no near tie explains fails.
import { relativeError } from '../support/error.ts';
import { type ForwardOptions, type ForwardResult, forward } from './forward.ts';

/**
 * Most near ties of one position that are turned together. Usually one is enough. But a 4-bit embedding times a 16-bit norm
 * weight has few significant bits, so a row of layer 0 may have several exact ties. In one case, three had to be turned.
 */
const deepestSearch = 4;

type Turns = ReadonlyMap<string, number>;

export interface Resolved {
  result: ForwardResult;
  /** Near ties that the device rounded the other way, with their distances. */
  turned: Turns;
  /** The error of each position. */
  errors: number[];
}

/**
 * `options.forcedExperts` are the experts that the device used. If no near tie explains a position's error, the search is repeated
 * with each further factor of `reaches`.
 */
export function resolve(
  options: ForwardOptions,
  device: readonly ArrayLike<number>[],
  bound: number,
  reaches: readonly number[] = [1],
): Resolved {
  let resolved: Resolved | undefined;
  for (const reach of reaches) {
    resolved = resolveWithin({ ...options, reach }, device, bound);
    if (resolved.errors.every((error) => error <= bound)) break;
  }
  if (resolved === undefined) throw new Error('reaches is empty');
  return resolved;
}

function resolveWithin(
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

  /** Finds up to `depth` more near ties that bring positions 0..last under the bound if turned; undefined if there are none. */
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
