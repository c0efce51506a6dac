// Fits costs to counts: the amounts of work that explain the measured CPU times best, of which none is negative. Pure.

/** One measurement: `us` of CPU time for so much of each kind of work. */
export interface Sample<Kind extends string> {
  us: number;
  work: Readonly<Record<Kind, number>>;
}

/**
 * Least squares of the relative errors. A kind whose cost would be negative costs nothing: all subsets of kinds are tried, and the best
 * without a negative cost is taken.
 */
export function fitCosts<Kind extends string>(
  samples: readonly Sample<Kind>[],
  kinds: readonly Kind[],
): Record<Kind, number> {
  let best = { error: Number.POSITIVE_INFINITY, costs: kinds.map(() => 0) };
  for (let subset = 1; subset < 2 ** kinds.length; subset++) {
    const chosen = kinds.filter((_, i) => (subset >> i) & 1);
    const rows = samples.map(({ us, work }) => chosen.map((kind) => work[kind] / us));
    const found = leastSquares(rows);
    if (found === undefined || found.some((cost) => cost < 0)) continue;
    const error = rows.reduce((sum, row) => sum + (dot(row, found) - 1) ** 2, 0);
    if (error < best.error) {
      best = { error, costs: kinds.map((kind) => found[chosen.indexOf(kind)] ?? 0) };
    }
  }
  return Object.fromEntries(kinds.map((kind, i) => [kind, best.costs[i]])) as Record<Kind, number>;
}

/** Relative error of each sample. */
export function errorsOf<Kind extends string>(
  samples: readonly Sample<Kind>[],
  costs: Readonly<Record<Kind, number>>,
): number[] {
  const kinds = Object.keys(costs) as Kind[];
  return samples.map(
    ({ us, work }) => kinds.reduce((sum, kind) => sum + costs[kind] * work[kind], 0) / us - 1,
  );
}

/** Factors for which all rows come closest to 1. Undefined if they are not unique. */
function leastSquares(rows: readonly (readonly number[])[]): number[] | undefined {
  const size = rows[0]?.length ?? 0;
  const indices = Array.from({ length: size }, (_, i) => i);
  const sumOf = (value: (row: readonly number[]) => number) => rows.reduce((sum, row) => sum + value(row), 0);
  const equations = indices.map((i) => [
    ...indices.map((j) => sumOf((row) => row[i]! * row[j]!)),
    sumOf((row) => row[i]!),
  ]);
  for (const i of indices) {
    const scale = equations[i]![i]!;
    if (!(scale > Number.MIN_VALUE)) return undefined;
    for (const j of indices) {
      if (j === i) continue;
      const factor = equations[j]![i]! / scale;
      equations[j] = equations[j]!.map((value, k) => value - factor * equations[i]![k]!);
    }
  }
  const solved = indices.map((i) => equations[i]![size]! / equations[i]![i]!);
  return solved.every(Number.isFinite) ? solved : undefined;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}
