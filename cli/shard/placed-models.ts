// A shard's models as placements move them: the device loads and lets go, the state directory keeps, gateways are told.
import type { Logger } from 'pino';
import { PlacedModel } from '../../experts/placing/placed-model.ts';
import type { ShardService } from '../../experts/service.ts';
import type { Unit } from '../../model/devices/expert.ts';
import type { Params } from '../../rpc/transport.ts';
import type { HeldExperts } from './hold-models.ts';
import type { ShardState } from './shard-state.ts';

export interface PlacedModelsOptions {
  held: readonly HeldExperts[];
  service: ShardService;
  state: ShardState;
  /** What placements call this shard; asked for once it listens. */
  name: () => string;
  /** To every gateway. */
  broadcast: (method: string, params: Params) => void;
  log: Logger;
}

/** By identity. */
export function placedModels({
  held,
  service,
  state,
  name,
  broadcast,
  log,
}: PlacedModelsOptions): Map<string, PlacedModel> {
  return new Map(
    held.map((experts) => {
      const { device } = experts;
      const { identity } = experts.bundle.manifest;
      const placeable = service.placeable(identity);
      if (placeable === undefined) throw new Error(`the service does not serve ${identity}`);
      const model = new PlacedModel({
        name,
        service: placeable,
        load: (unit) => loadUnit(experts, unit),
        unload: (units) => device.unload(units),
        save: (kept) => state.save(identity, kept),
        onChange: (what, { holdings, placement = '' }) => {
          if (what === 'placement') broadcast('placement', { model: identity, placement });
          else broadcast('holdings', { model: identity, holdings: holdings.map((range) => [...range]) });
        },
        log: (level, message) => log[level](message),
      });
      return [identity, model];
    }),
  );
}

/** Its bytes are there, hashed, and its golden answer compared before anyone may ask for it. */
async function loadUnit({ source, bundle, device, checks }: HeldExperts, unit: Unit): Promise<void> {
  await source.bring([unit]);
  if (device.mapIn !== undefined) await bundle.readExpert(unit); // other devices read and hash while they load
  await device.load([unit]);
  device.mapIn?.(unit);
  await checks?.check(unit);
}
