// The degradation ladder: what may stand in for an expert if no exact replica answers. Each request allows a part of the ladder.
// Pure.

/** Best first. A row that allows a rung also allows all rungs before it. A row that allows none needs exact replicas. */
export const rungs = ['class', 'standby', 'next_best', 'pass_through'] as const;

/**
 * `class`: a replica of the same precision and of another numerics class, so its bits differ. `standby`: a replica of lower
 * precision. `next_best`: the expert with the next best score, of the same prototype if there are any. `pass_through`: the row goes on without the expert.
 */
export type Rung = (typeof rungs)[number];

/** Level of a rung, from 1 (`class`) to 4 (`pass_through`); 0 if `rung` is undefined. */
export function rungLevel(rung: Rung | undefined): number {
  return rung === undefined ? 0 : rungs.indexOf(rung) + 1;
}

/** The rung of a level from 1 to 4. */
export function rungAt(level: number): Rung {
  const rung = rungs[level - 1];
  if (rung === undefined) throw new RangeError(`there is no rung ${level}`);
  return rung;
}

interface Placed {
  /** False for a shard of another zone than the gateway's. */
  readonly isNear: boolean;
}

/** Replicas of one unit. The best kind comes first. */
export interface Replicas<S> {
  /** Of the unit's numerics class: their answers have the same bits. */
  exact: readonly S[];
  otherClass: readonly S[];
  standby: readonly S[];
}

/**
 * The best usable replicas that `level` allows, and the level of these replicas; undefined if there are none. An exact replica of
 * another zone is better than a replica of lower level, because a slow answer is better than a different one.
 */
export function bestReplicas<S extends Placed>(
  replicas: Replicas<S>,
  level: number,
  usable: (shard: S) => boolean,
): { level: number; replicas: S[] } | undefined {
  for (let at = 0; at <= level && at < kinds.length; at++) {
    const left = replicas[kinds[at]!].filter(usable);
    if (left.length > 0) return { level: at, replicas: nearest(left) };
  }
  return undefined;
}

/** Those of the gateway's own zone if there are any, otherwise all. */
function nearest<S extends Placed>(replicas: S[]): S[] {
  const near = replicas.filter(({ isNear }) => isNear);
  return near.length > 0 ? near : replicas;
}

/** Whether `bestReplicas` would find any. */
export function hasReplica<S>(replicas: Replicas<S>, level: number, usable: (shard: S) => boolean): boolean {
  return kinds.some((kind, at) => at <= level && replicas[kind].some(usable));
}

/** The index of a kind is its level. */
const kinds = ['exact', 'otherClass', 'standby'] as const;
