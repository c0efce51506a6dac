// The rule by which a shard accepts or refuses a placement. Pure; docs/placement.md explains the rule
// under "Two operators at once".
import type { RpcErrorCode } from '../../rpc/errors.ts';
import type { Applied, SignedPlacement } from './placement-file.ts';
import { compareIds, epochFault, formatId, idOf, type PlacementId } from './placement-id.ts';

interface TakeQuestion {
  /** The new placement. */
  placement: SignedPlacement;
  /** The placement that the shard follows now. */
  follows: SignedPlacement | undefined;
  /** The latest placement that was known when the new one was planned. Absent if a gateway or an older release sent the new one. */
  from?: PlacementId | undefined;
}

type TakeVerdict =
  | { kind: 'new' }
  /** The shard already follows this placement. */
  | { kind: 'known' }
  | { kind: 'refused'; code: RpcErrorCode; message: string };

export function judgePlacement({ placement, follows, from }: TakeQuestion): TakeVerdict {
  const [id, now] = [idOf(placement), idOf(follows)];
  const order = compareIds(id, now);
  if (order === 0) return { kind: 'known' };
  if (from !== undefined && compareIds(now, from) > 0) {
    const message = `${describe(follows)} is followed; placement ${formatId(id)} was planned from ${formatId(from)}`;
    return { kind: 'refused', code: 'conflict', message };
  }
  const known =
    follows === undefined && from === undefined ? undefined : Math.max(now.epoch, from?.epoch ?? 0);
  const fault = epochFault(id.epoch, known);
  if (fault !== undefined) return { kind: 'refused', code: 'invalid', message: `placement: ${fault}` };
  if (order > 0) return { kind: 'new' };
  const message = `placement ${formatId(id)} is over: ${describe(follows)} is followed`;
  return { kind: 'refused', code: 'invalid', message };
}

export function describe(placement: SignedPlacement | undefined): string {
  return placement === undefined ? 'no placement' : describeId(idOf(placement), placement.applied);
}

/** `placement 5 (3f2a9c1e04b7), applied by alice@ops1 at 2026-11-30T04:00:00Z,` */
export function describeId(id: PlacementId, applied: Applied | undefined): string {
  const name = `placement ${formatId(id)}`;
  return applied === undefined ? name : `${name}, applied by ${applied.by} at ${applied.at},`;
}
