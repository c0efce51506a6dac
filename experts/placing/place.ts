// The calls `shard.place`, which brings a shard its placement, and `shard.adopted`, by which gateways say which placement they act on.
// Knows no sockets.
import { errorText } from '../../base/error-text.ts';
import { RpcError } from '../../rpc/errors.ts';
import type { HandlerContext, Handlers } from '../../rpc/transport.ts';
import { reportToValue } from '../admin.ts';
import { parseAdoption, parseFrom, parsePlacementField } from '../wire.ts';
import type { PlacedModel } from './placed-model.ts';
import { isSignedBy, readPlacement, type SignedPlacement } from './placement-file.ts';

export interface PlaceOptions {
  /** By identity. */
  models: ReadonlyMap<string, PlacedModel>;
  /** The fleet's secret, read at each call because its file may change. Absent: signatures are ignored. */
  secret?: () => Uint8Array;
  /** Every caller counts as an admin, because the shard listens on loopback only. */
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
      const placement = read(parsePlacementField(params));
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
 * With a secret only the signature counts, whoever brings the placement, because gateways pass placements on. Without a secret,
 * admins may bring placements, and so may gateways if the shard is open.
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
  throw new RpcError('unproven', 'without a secret to sign placements, only admins may bring them');
}

function read(text: string): SignedPlacement {
  try {
    return readPlacement(text);
  } catch (cause) {
    throw new RpcError('invalid', errorText(cause), { cause });
  }
}
