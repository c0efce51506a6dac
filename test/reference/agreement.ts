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

/** Two near ties of one position are rarely turned at once; more have not been seen. */
const deepestSearch = 2;

export interface Resolved {
  result: ForwardResult;
  /** Near ties that the device rounded the other way, with their distances. */
  turned: Map<string, number>;
  /** Of each position. */
  errors: number[];
}

/** `options.forcedExperts` are the experts that the device used. */
export function resolve(
  options: ForwardOptions,
  device: readonly ArrayLike<number>[],
  bound: number,
): Resolved {
  const turned = new Map<string, number>();
  const run = (flips: ReadonlyMap<string, number>, positions: number) => {
    return forward({ ...options, ids: options.ids.slice(0, positions), flips: new Set(flips.keys()) });
  };
  const errorsOf = (result: ForwardResult) => {
    return result.logits.map((row, p) => relativeError(device[p] ?? [], row));
  };

  /** Near ties beyond `flips` that bring positions 0..last under the bound; undefined where none do. */
  const search = (
    flips: ReadonlyMap<string, number>,
    last: number,
    depth: number,
  ): Map<string, number> | undefined => {
    const result = run(flips, last + 1);
    if (errorsOf(result).every((error) => error <= bound)) return new Map(flips);
    if (depth === 0) return undefined;
    const candidates = result.nearTies
      .filter(({ name }) => !flips.has(name))
      .sort((a, b) => b.position - a.position || a.distance - b.distance);
    for (const { name, distance } of candidates) {
      const found = search(new Map(flips).set(name, distance), last, depth - 1);
      if (found) return found;
    }
    return undefined;
  };

  let result = run(turned, options.ids.length);
  let errors = errorsOf(result);
  for (let position = 0; position < errors.length; position++) {
    if ((errors[position] as number) <= bound) continue;
    const found = [1, 2].reduce<Map<string, number> | undefined>(
      (earlier, depth) => earlier ?? (depth <= deepestSearch ? search(turned, position, depth) : undefined),
      undefined,
    );
    if (!found) break;
    for (const [name, distance] of found) turned.set(name, distance);
    result = run(turned, options.ids.length);
    errors = errorsOf(result);
  }
  return { result, turned, errors };
}
