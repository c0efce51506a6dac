// Rules of the operator's command that applies placements: the placement to plan from, the shard that gets a new placement first,
// and the progress of a move. Pure.
import type { PlacedReport } from '../../experts/placing/placed-model.ts';
import type { SignedPlacement } from '../../experts/placing/placement-file.ts';
import { compareIds, epochFault, idOf, type PlacementId } from '../../experts/placing/placement-id.ts';

/** The state of one model at one shard. */
export interface Said {
  name: string;
  /** The placement that the shard follows. */
  placement: SignedPlacement | undefined;
  report: Pick<PlacedReport, 'missing' | 'surplus'>;
}

export interface Start {
  /** The latest placement that any of the shards follows. */
  latest: SignedPlacement | undefined;
  /** True if some shard follows another placement or has not finished moving. */
  underWay: boolean;
}

/** Throws an error that names the shard if a shard follows a placement whose epoch is out of bounds. */
export function startOf(shards: readonly Said[]): Start {
  let latest: SignedPlacement | undefined;
  for (const { name, placement } of shards) {
    if (placement === undefined) continue;
    const fault = epochFault(placement.epoch, undefined);
    if (fault !== undefined) {
      throw new Error(`${name}: ${fault}. Restart it with this release, which forgets such a placement.`);
    }
    if (compareIds(idOf(placement), idOf(latest)) > 0) latest = placement;
  }
  const { hash } = idOf(latest);
  const underWay =
    latest !== undefined &&
    shards.some(
      ({ placement, report: { missing, surplus } }) => idOf(placement).hash !== hash || missing + surplus > 0,
    );
  return { latest, underWay };
}

/**
 * The shard whose name sorts first gets a new placement first. The others get the placement only if that shard accepts it.
 * So if two operators plan from the same placement, one of the two plans is refused before any shard has accepted it.
 */
export function askedInTurn<T>(
  shards: readonly T[],
  nameOf: (shard: T) => string,
): { first: T; others: T[] } {
  const [first, ...others] = [...shards].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  if (first === undefined) throw new RangeError('a fleet has at least one shard');
  return { first, others };
}

/** `again`: the shard does not follow the placement, which must be sent again. `replaced`: it follows a later placement. */
export type Standing = 'follows' | 'again' | 'replaced';

export function standingOf({ epoch, hash }: PlacedReport, placement: PlacementId): Standing {
  // A shard of an older release reports no hash, so the placement is sent to it again.
  if (hash === undefined) return epoch > placement.epoch ? 'replaced' : 'again';
  const order = compareIds({ epoch, hash }, placement);
  if (order === 0) return 'follows';
  return order > 0 ? 'replaced' : 'again';
}

/** `loaded`: no shard misses a unit, so the placement may be announced as served. `whole`: loaded, without surplus units. */
export type Progress = 'moving' | 'loaded' | 'whole';

/** `reports`: one entry for each shard of the fleet; undefined for a shard that did not answer. All shards follow the placement. */
export function progressOf(reports: readonly (PlacedReport | undefined)[]): Progress {
  if (reports.some((report) => report === undefined || report.missing > 0)) return 'moving';
  return reports.some((report) => report !== undefined && report.surplus > 0) ? 'loaded' : 'whole';
}
