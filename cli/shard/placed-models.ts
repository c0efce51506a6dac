// Connects each model of a shard to its device, its state directory and the gateways, so that placements
// can move its units.
import type { Logger } from 'pino';
import { PlacedModel } from '../../experts/placing/placed-model.ts';
import type { ShardService } from '../../experts/service.ts';
import { isMapped, mapInUnits, type Unit } from '../../model/devices/expert.ts';
import type { Params } from '../../rpc/transport.ts';
import type { Gateways } from './gateways.ts';
import type { HeldExperts } from './hold-models.ts';
import type { ShardState } from './shard-state.ts';

export interface PlacedModelsOptions {
  held: readonly HeldExperts[];
  service: ShardService;
  state: ShardState;
  /** Name of the shard in placements. */
  name: string;
  gateways: Pick<Gateways, 'broadcast'>;
  log: Logger;
}

/** Models by identity. */
export function placedModels({
  held,
  service,
  state,
  name,
  gateways,
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
          const ranges = holdings.map((range) => [...range]);
          const changed: Params = what === 'placement' ? { placement } : { holdings: ranges };
          gateways.broadcast(what, { model: identity, ...changed });
        },
        log: (level, message) => log[level](message),
      });
      return [identity, model];
    }),
  );
}

/** Fetches and hashes the unit's bytes, loads it, and runs its golden check, before any call may name it. */
async function loadUnit({ source, bundle, device, checks }: HeldExperts, unit: Unit): Promise<void> {
  await source.bring([unit]);
  if (isMapped(device)) await bundle.readExpert(unit); // other devices read and hash while they load
  await device.load([unit]);
  mapInUnits(device, [unit]);
  await checks?.check(unit);
}
