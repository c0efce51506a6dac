// A shard that holds its experts, as gateways and operators call it: its handlers, and how it leaves service. Knows no sockets.
import { setTimeout as delay } from 'node:timers/promises';
import { version } from '../../base/package.ts';
import { adminHandlers, DRAIN_MS, type DrainAnswer, type ShardReport } from '../../experts/admin.ts';
import { bundleHandlers, type ReadableBundle } from '../../experts/bundle-files.ts';
import { modelOffer } from '../../experts/held-model.ts';
import { Leave } from '../../experts/leave.ts';
import { placeHandlers } from '../../experts/placing/place.ts';
import type { PlacedModel } from '../../experts/placing/placed-model.ts';
import { ShardService } from '../../experts/service.ts';
import type { Bundle } from '../../model/bundle/bundle.ts';
import { MANIFEST_FILE } from '../../model/bundle/manifest.ts';
import type { Handlers } from '../../rpc/transport.ts';
import type { Gateways } from './gateways.ts';
import type { HeldExperts } from './hold-models.ts';
import type { OpenedShard, ShardRun } from './open-shard.ts';
import { placedModels } from './placed-models.ts';

export interface OfferedShard {
  handlers: Handlers;
  /** By identity. */
  placed: ReadonlyMap<string, PlacedModel>;
  /** Takes no more calls; resolves when those in flight are answered, or after `DRAIN_MS`. Asked again, it is the same drain. */
  drain(): Promise<DrainAnswer>;
}

export function offerShard(
  { security, state, name, metrics }: OpenedShard,
  held: readonly HeldExperts[],
  gateways: Gateways,
  { flags: { standby, memory }, leaving, log }: ShardRun,
): OfferedShard {
  const service = new ShardService({
    models: held.map(({ bundle, device, units }) => {
      return { device, model: { ...modelOffer(bundle), standby }, units };
    }),
    version,
    name,
    residentBytes: process.memoryUsage.rss,
    ...(metrics && { metrics: metrics.metrics }),
  });
  metrics?.follow(() => service.state);
  const leave = new Leave({
    callers: () => gateways.callers(),
    models: new Map(held.map(({ bundle }) => [bundle.manifest.identity, modelOffer(bundle)])),
  });
  const placed = placedModels({ held, service, state, name, gateways, log });
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
  return { handlers, placed, drain };
}

async function drainService(service: ShardService, gateways: Gateways): Promise<DrainAnswer> {
  const idle = service.drain();
  gateways.broadcast('draining', {});
  await Promise.race([idle, delay(DRAIN_MS, undefined, { ref: false })]);
  return { safeToDelete: service.counts.inFlight === 0, ...service.counts };
}

/** The files that other shards may fetch. */
function readable({ dir, manifest }: Bundle): ReadableBundle {
  const files = new Set([MANIFEST_FILE, ...Object.keys(manifest.files)]);
  return { dir, identity: manifest.identity, files };
}
