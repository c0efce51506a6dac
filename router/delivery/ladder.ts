// What may stand in where no proper copy of an expert answers, best first. Pure; what is allowed is the caller's choice.

/** Each rung allows those before it too. Without any, a row without its expert fails. */
export const rungs = ['class', 'standby', 'next_best', 'pass_through'] as const;

/**
 * `class`: a copy of the same precision elsewhere, whose bits differ (another numerics class). `standby`: a copy of lower
 * precision. `next_best`: the expert with the next best score. `pass_through`: the row goes on without an expert.
 */
export type Rung = (typeof rungs)[number];

/** Rung as a number: 0 allows nothing, 1 `class` … 4 `pass_through`. */
export function rungLevel(rung: Rung | undefined): number {
  return rung === undefined ? 0 : rungs.indexOf(rung) + 1;
}

/** Of a level above 0. */
export function rungAt(level: number): Rung {
  const rung = rungs[level - 1];
  if (rung === undefined) throw new RangeError(`there is no rung ${level}`);
  return rung;
}

/** Copies of one unit, by how good they are. */
export interface Copies<S> {
  /** Interchangeable without a word. */
  exact: readonly S[];
  /** Of another numerics class. */
  other: readonly S[];
  standby: readonly S[];
}

/** The best copies that `level` allows, and the level they are on; undefined where there is none. */
export function bestCopies<S>(
  { exact, other, standby }: Copies<S>,
  level: number,
  usable: (shard: S) => boolean,
): { level: number; copies: S[] } | undefined {
  for (const [at, copies] of [exact, other, standby].entries()) {
    if (at > level) return undefined;
    const left = copies.filter(usable);
    if (left.length > 0) return { level: at, copies: left };
  }
  return undefined;
}
