// A shard that holds its experts, as gateways and operators call it: its handlers, and how it leaves service. Knows no sockets.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { version } from '../../base/package.ts';
import { adminHandlers, type DrainAnswer, type ShardReport } from '../../experts/admin.ts';
import { bundleHandlers, type ReadableBundle } from '../../experts/bundle-files.ts';
import { Leave } from '../../experts/leave.ts';
import { placeHandlers } from '../../experts/placing/place.ts';
import type { PlacedModel } from '../../experts/placing/placed-model.ts';
import { ShardService } from '../../experts/service.ts';
import type { Bundle } from '../../model/bundle/bundle.ts';
import { MANIFEST_FILE } from '../../model/bundle/manifest.ts';
import type { Handlers } from '../../rpc/transport.ts';
import type { Gateways } from './gateways.ts';
import type { HeldExperts } from './hold-models.ts';
import type { Leaving } from './leaving.ts';
import { modelOffer } from './offer.ts';
import type { OpenedShard } from './open-shard.ts';
import { placedModels } from './placed-models.ts';

/** How long calls in flight may take to end. */
export const DRAIN_MS = 10_000;

export interface OfferOptions {
  opened: Pick<OpenedShard, 'security' | 'state' | 'name' | 'metrics'>;
  held: readonly HeldExperts[];
  gateways: Gateways;
  leaving: Leaving;
  /** If true, the experts are of lower precision and answer only if no better replica is left. */
  standby: boolean;
  /** Bytes of `--memory`. */
  memory: number | undefined;
  log: Logger;
}

export interface OfferedShard {
  handlers: Handlers;
  /** By identity. */
  placed: ReadonlyMap<string, PlacedModel>;
  /** Takes no more calls; resolves when those in flight are answered, or after `DRAIN_MS`. Asked again, it is the same drain. */
  drain(): Promise<DrainAnswer>;
}

export function offerShard(options: OfferOptions): OfferedShard {
  const { opened, held, gateways, leaving, standby, memory, log } = options;
  const { security, state, name, metrics } = opened;
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
  const admin = adminHandlers({
    report: () => reportOf({ service, placed, name, memory }),
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

interface Reported {
  service: ShardService;
  placed: ReadonlyMap<string, PlacedModel>;
  name: string;
  memory: number | undefined;
}

function reportOf({ service, placed, name, memory }: Reported): ShardReport {
  const models = [...placed.values()];
  return {
    state: service.state,
    units: models.reduce((sum, { units }) => sum + units.length, 0),
    ...service.counts,
    name,
    ...(memory !== undefined && { memoryBytes: memory }),
    residentBytes: process.memoryUsage.rss(),
    models: models.map(({ report }) => report),
  };
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
