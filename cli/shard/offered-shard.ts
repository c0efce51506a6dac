// The RPC handlers of a shard whose experts are loaded, for gateways and operators, and the drain of the shard.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { version } from '../../base/package.ts';
import { adminHandlers, DRAIN_MS, type DrainAnswer, type ShardReport } from '../../experts/admin.ts';
import { bundleHandlers, type ReadableBundle } from '../../experts/bundle-files.ts';
import { modelOffer } from '../../experts/held-model.ts';
import { Leave } from '../../experts/leave.ts';
import { placeHandlers } from '../../experts/placing/place.ts';
import { PlacedModel } from '../../experts/placing/placed-model.ts';
import { ShardService } from '../../experts/service.ts';
import type { Bundle } from '../../model/bundle/bundle.ts';
import { MANIFEST_FILE } from '../../model/bundle/manifest.ts';
import { isMapped, mapInUnits, type Unit } from '../../model/devices/expert.ts';
import type { RpcServer } from '../../rpc/socket/server.ts';
import type { CallServing } from '../../rpc/socket/serving.ts';
import type { Handlers, Params } from '../../rpc/transport.ts';
import type { HeldExperts } from './hold-models.ts';
import type { OpenedShard, ShardRun } from './open-shard.ts';

/** The server with the connections of gateways. Undefined before the shard listens. */
type Gateways = () => RpcServer | undefined;

export interface OfferedShard {
  handlers: Handlers;
  /** Answers most calls without the handlers. Undefined without the addon. */
  serving: CallServing | undefined;
  /** Models by identity. */
  placed: ReadonlyMap<string, PlacedModel>;
  /**
   * Refuses new calls. Resolves when the calls in flight are answered, or after `DRAIN_MS`. A second call returns the promise of the
   * first.
   */
  drain(): Promise<DrainAnswer>;
}

export function offerShard(
  opened: OpenedShard,
  held: readonly HeldExperts[],
  gateways: Gateways,
  { flags: { standby, memory, zone }, leaving, log }: ShardRun,
): OfferedShard {
  const { security, name, metrics } = opened;
  const service = new ShardService({
    models: held.map(({ bundle, device, units }) => {
      return { device, model: { ...modelOffer(bundle), standby }, units };
    }),
    version,
    name,
    zone,
    residentBytes: process.memoryUsage.rss,
    ...(metrics && { metrics: metrics.metrics }),
  });
  metrics?.follow(() => service.state);
  const leave = new Leave({
    callers: () => gateways()?.callers() ?? [],
    models: new Map(held.map(({ bundle }) => [bundle.manifest.identity, modelOffer(bundle)])),
  });
  const placed = new Map(
    held.map((experts) => [
      experts.bundle.manifest.identity,
      placedModel(experts, service, opened, gateways, log),
    ]),
  );
  let drained: Promise<DrainAnswer> | undefined;
  const drain = () => {
    leaving.leave();
    drained ??= drainService(service, gateways);
    return drained;
  };
  const report = (): ShardReport => ({
    state: service.state,
    units: [...placed.values()].reduce((sum, { units }) => sum + units.length, 0),
    ...service.counts,
    name,
    ...(memory !== undefined && { memoryBytes: memory }),
    residentBytes: process.memoryUsage.rss(),
    models: [...placed.values()].map((model) => model.report),
  });
  const admin = adminHandlers({
    report,
    async drain({ force }) {
      if (!force && !leaving.signal.aborted) await leave.permission();
      return await drain();
    },
  });
  const secret = security?.secret;
  const handlers = {
    ...service.handlers,
    ...admin,
    ...leave.handlers,
    ...bundleHandlers(held.map(({ bundle }) => readable(bundle))),
    ...placeHandlers({ models: placed, ...(secret && { secret }), open: security === undefined }),
  };
  return { handlers, serving: service.serve(), placed, drain };
}

/** Connects a model to its device, its state directory and the gateways, so that placements can move its units. */
function placedModel(
  experts: HeldExperts,
  service: ShardService,
  { state, name }: OpenedShard,
  gateways: Gateways,
  log: Logger,
): PlacedModel {
  const { identity } = experts.bundle.manifest;
  const placeable = service.placeable(identity);
  if (placeable === undefined) throw new Error(`the service does not serve ${identity}`);
  return new PlacedModel({
    name,
    service: placeable,
    load: (unit) => loadUnit(experts, unit),
    unload: (units) => experts.device.unload(units),
    save: (kept) => state.save(identity, kept),
    onChange: (what, { holdings, placement = '' }) => {
      const ranges = holdings.map((range) => [...range]);
      const changed: Params = what === 'placement' ? { placement } : { holdings: ranges };
      gateways()?.broadcast(what, { model: identity, ...changed });
    },
    log: (level, message) => log[level](message),
  });
}

/** Fetches the unit, checks its hash, loads it, and runs its golden check, before any call may name it. */
async function loadUnit({ source, bundle, device, checks }: HeldExperts, unit: Unit): Promise<void> {
  await source.bring([unit]);
  if (isMapped(device)) await bundle.readExpert(unit); // checks the hash; other devices check it when they load
  await device.load([unit]);
  mapInUnits(device, [unit]);
  await checks?.check(unit);
}

async function drainService(service: ShardService, gateways: Gateways): Promise<DrainAnswer> {
  const idle = service.drain();
  gateways()?.broadcast('draining', {});
  await Promise.race([idle, delay(DRAIN_MS, undefined, { ref: false })]);
  return { safeToDelete: service.counts.inFlight === 0, ...service.counts };
}

/** The files that other shards may fetch. */
function readable({ dir, manifest }: Bundle): ReadableBundle {
  const files = new Set([MANIFEST_FILE, ...Object.keys(manifest.files)]);
  return { dir, identity: manifest.identity, files };
}
