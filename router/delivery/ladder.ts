// The degradation ladder: what may stand in for an expert if no exact replica answers, best first. Pure; each request says
// how far down it allows.

/** Each rung allows those before it too. Without a rung, a row fails if no exact replica answers for one of its experts. */
export const rungs = ['class', 'standby', 'next_best', 'pass_through'] as const;

/**
 * `class`: a replica of the same precision but another numerics class, whose bits differ. `standby`: a replica of lower
 * precision. `next_best`: the expert with the next best score. `pass_through`: the row goes on without the expert.
 */
export type Rung = (typeof rungs)[number];

/** Number of a rung: 0 allows nothing, 1 is `class`, 4 is `pass_through`. */
export function rungLevel(rung: Rung | undefined): number {
  return rung === undefined ? 0 : rungs.indexOf(rung) + 1;
}

/** Rung of a level from 1 to 4. */
export function rungAt(level: number): Rung {
  const rung = rungs[level - 1];
  if (rung === undefined) throw new RangeError(`there is no rung ${level}`);
  return rung;
}

/** Replicas of one unit, by how good they are. */
export interface Replicas<S> {
  /** Of the unit's numerics class: their answers have the same bits. */
  exact: readonly S[];
  otherClass: readonly S[];
  standby: readonly S[];
}

/** The best usable replicas that `level` allows, and the level they are on; undefined if there are none. */
export function bestReplicas<S>(
  replicas: Replicas<S>,
  level: number,
  usable: (shard: S) => boolean,
): { level: number; replicas: S[] } | undefined {
  for (let at = 0; at <= level && at < kinds.length; at++) {
    const left = replicas[kinds[at]!].filter(usable);
    if (left.length > 0) return { level: at, replicas: left };
  }
  return undefined;
}

/** Whether `bestReplicas` would find any. */
export function hasReplica<S>(replicas: Replicas<S>, level: number, usable: (shard: S) => boolean): boolean {
  return kinds.some((kind, at) => at <= level && replicas[kind].some(usable));
}

/** By level. */
const kinds = ['exact', 'otherClass', 'standby'] as const;
