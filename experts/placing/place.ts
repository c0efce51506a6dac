// The methods by which a shard is told what to hold, and what gateways act on; who may call them. Knows no sockets.
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
  /** The fleet's secret, asked for each time because its file may change. Absent: signatures are not looked at. */
  secret?: () => Uint8Array;
  /** Anyone who reaches this shard may be a gateway: it listens on loopback alone. */
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
 * With a secret only its signature counts, whoever brings the placement: a gateway passes on what it was given. Without,
 * an admin's word does, and a gateway's where it could as well be an admin.
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
