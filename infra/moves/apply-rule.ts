// Decisions of an operator's command from what shards say about placements: what a plan starts from, which shard is asked first,
// and how far a move has come. Pure.
import type { PlacedReport } from '../../experts/placing/placed-model.ts';
import type { SignedPlacement } from '../../experts/placing/placement-file.ts';
import { compareIds, epochFault, idOf, type PlacementId } from '../../experts/placing/placement-id.ts';

/** What one shard says about one model. */
export interface Said {
  name: string;
  /** The placement that it follows. */
  placement: SignedPlacement | undefined;
  report: Pick<PlacedReport, 'missing' | 'surplus'>;
}

export interface Start {
  /** The latest placement that any of the shards follows. */
  latest: SignedPlacement | undefined;
  /** Some shard follows another placement or has not finished moving. */
  underWay: boolean;
}

/** Throws, naming the shard, if it follows a placement whose epoch is out of bounds. */
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
 * All operators ask the same shard first and go on only if it takes their placement. If two operators plan from the same
 * placement, one is refused before it has changed anything.
 */
export function askedInTurn<T>(
  shards: readonly T[],
  nameOf: (shard: T) => string,
): { first: T; others: T[] } {
  const [first, ...others] = [...shards].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  if (first === undefined) throw new RangeError('a fleet has at least one shard');
  return { first, others };
}

/** `again`: the shard does not follow the placement and must be brought it again. `replaced`: it follows a later one. */
export type Standing = 'follows' | 'again' | 'replaced';

export function standingOf({ epoch, hash }: PlacedReport, placement: PlacementId): Standing {
  // A shard of an older release reports no hash, so it is brought the placement once more.
  if (hash === undefined) return epoch > placement.epoch ? 'replaced' : 'again';
  const order = compareIds({ epoch, hash }, placement);
  if (order === 0) return 'follows';
  return order > 0 ? 'replaced' : 'again';
}

/** `loaded`: no shard misses a unit, so the placement may be announced as served whole. `whole`: nothing is surplus either. */
export type Progress = 'moving' | 'loaded' | 'whole';

/** `reports`: one for each shard of the fleet, of shards that follow the placement; undefined for a shard that did not answer. */
export function progressOf(reports: readonly (PlacedReport | undefined)[]): Progress {
  if (reports.some((report) => report === undefined || report.missing > 0)) return 'moving';
  return reports.some((report) => report !== undefined && report.surplus > 0) ? 'loaded' : 'whole';
}
