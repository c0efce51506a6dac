// The handlers of `shard.place`, which brings a shard its placement, and of `shard.adopted`, by which a gateway states which placement
// it acts on.
import { RpcError } from '../../rpc/errors.ts';
import type { HandlerContext, Handlers } from '../../rpc/transport.ts';
import { reportToValue } from '../admin.ts';
import { orInvalid } from '../fields.ts';
import { parseAdoption, parseFrom, parsePlacementField } from '../wire/placement.ts';
import type { PlacedModel } from './placed-model.ts';
import { isSignedBy, readPlacement, type SignedPlacement } from './placement-file.ts';

interface PlaceOptions {
  /** Models by identity. */
  models: ReadonlyMap<string, PlacedModel>;
  /** Returns the fleet's secret. It is read at each call, because its file may change. Absent: signatures are ignored. */
  secret?: () => Uint8Array;
  /** True if every caller counts as an admin, because the shard listens on loopback only. */
  open: boolean;
}

export function placeHandlers({ models, secret, open }: PlaceOptions): Handlers {
  function modelOf(identity: string): PlacedModel {
    const model = models.get(identity);
    if (model !== undefined) return model;
    throw new RpcError('incompatible', `this shard does not hold model ${identity}`);
  }
  return {
    async 'shard.place'(params, context) {
      const placement = orInvalid(() => readPlacement(parsePlacementField(params)));
      requireRight(placement, context, { secret: secret?.(), open });
      const model = modelOf(placement.model);
      await model.place(placement, parseFrom(params));
      return reportToValue(model.report);
    },
    async 'shard.adopted'(params, { connection }) {
      const { model: identity, placement } = parseAdoption(params);
      const model = modelOf(identity);
      if (connection !== undefined) model.adopted(connection, placement);
      return {};
    },
  };
}

/**
 * With a secret, any caller may bring a signed placement, because gateways pass placements on. Without a secret, only admins may
 * bring placements; if the shard is open, every caller may.
 */
function requireRight(
  placement: SignedPlacement,
  { hello }: HandlerContext,
  { secret, open }: { secret: Uint8Array | undefined; open: boolean },
): void {
  if (secret !== undefined) {
    if (isSignedBy(placement, secret)) return;
    throw new RpcError('unproven', `placement ${placement.epoch} is not signed with this shard's secret`);
  }
  if (open || hello?.role === 'admin') return;
  throw new RpcError(
    'unproven',
    'this shard has no secret to check signatures with, so only admins may bring placements',
  );
}
