// The calls about placements: `shard.place` brings a shard a placement, and `shard.adopted` states which placement a gateway acts on.
import type { Params } from '../../rpc/transport.ts';
import { integer, map, refuse, string, text } from '../fields.ts';
import { isHash, type PlacementId } from '../placing/placement-id.ts';

/** Most characters of a placement's text: enough for thousands of shards with hundreds of items each. */
const MOST_PLACEMENT = 4 * 1024 * 1024;

/** The placement that a gateway acts on. */
interface Adoption {
  /** Identity of the model. */
  model: string;
  /** The hash is empty if the gateway runs an older release, which states only the epoch. */
  placement: PlacementId;
}

export function adoptionParams({ model, placement }: Adoption): Params {
  const { epoch, hash } = placement;
  return hash === '' ? { model, epoch } : { model, epoch, hash };
}

export function parseAdoption(params: Params): Adoption {
  return { model: string(params, 'model'), placement: parsePlacementId(params) };
}

/** Identifies the placement from which the placement in `shard.place` was planned. Only `plan --apply` states it. */
export function parseFrom({ from }: Params): PlacementId | undefined {
  return from === undefined ? undefined : parsePlacementId(map(from, 'from'));
}

function parsePlacementId(params: Params): PlacementId {
  const epoch = integer(params, 'epoch');
  const hash = params.hash === undefined ? '' : string(params, 'hash');
  if (hash === '' || isHash(hash)) return { epoch, hash };
  return refuse(`hash must be sha256: and 64 hex digits, not ${JSON.stringify(hash)}`);
}

/** Returns the field `placement`, a text for `readPlacement`. */
export function parsePlacementField(params: Params): string {
  return text(params, 'placement', MOST_PLACEMENT);
}
