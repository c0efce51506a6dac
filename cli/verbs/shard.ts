// `expertgrid shard`: one process that holds experts and runs rows on them until it is asked to leave.
import { setTimeout as delay } from 'node:timers/promises';
import { Command, CommanderError } from 'commander';
import type { Logger } from 'pino';
import { version } from '../../base/package.ts';
import { adminHandlers, type DrainAnswer } from '../../experts/admin.ts';
import { bundleHandlers, type ReadableBundle } from '../../experts/bundle-files.ts';
import { parseHoldings } from '../../experts/holdings.ts';
import { Leave } from '../../experts/leave.ts';
import type { MetricsServerOptions } from '../../experts/metrics-server.ts';
import { placeHandlers } from '../../experts/placing/place.ts';
import { createShardService, type ShardService } from '../../experts/service.ts';
import { memoryParams } from '../../experts/wire.ts';
import type { Bundle } from '../../model/bundle/bundle.ts';
import { MANIFEST_FILE } from '../../model/bundle/manifest.ts';
import { formatAddress, isLoopback } from '../../rpc/address.ts';
import type { RpcError } from '../../rpc/errors.ts';
import { listen } from '../../rpc/socket/server.ts';
import { asUsage, UsageError } from '../flags/flags.ts';
import { requireDistinct } from '../flags/models.ts';
import { CALLERS, exposure, openSecurity, securityPaths } from '../flags/security-flags.ts';
import { addShardFlags, type ShardFlags } from '../flags/shard-flags.ts';
import { keepPort, portError } from '../gateway/ports.ts';
import {
  describeHeld,
  type HeldExperts,
  type HoldOptions,
  holdModels,
  type OpenedExperts,
} from '../shard/hold-models.ts';
import { modelOffer } from '../shard/offer.ts';
import { fetchExperts, openExperts, wantedExperts } from '../shard/open-experts.ts';
import { placedModels } from '../shard/placed-models.ts';
import { failBefore, hasParent, tellParent, toldToRead } from '../shard/shard-parent.ts';
import { shardState } from '../shard/shard-state.ts';
import { lockState } from '../shard/state-lock.ts';
import { onSignals } from '../signals.ts';
import { explain } from '../terminal/explain.ts';
import { createLogger } from '../terminal/log.ts';
import { progressBar } from '../terminal/progress.ts';
import { readingReport } from '../terminal/reading-report.ts';
import { refusalLog } from '../terminal/refusal-log.ts';

/** Calls in flight get this long to end. */
const DRAIN_MS = 10_000;

/** Answers that are on their way out get this long. Milliseconds. */
const LAST_WORDS = 1_000;

/** How often gateways are told the memory of this process. Milliseconds. */
const TELL_MEMORY_MS = 5_000;

export function shardCommand(): Command {
  const command = new Command('shard').description(
    'Hold experts of a model, or of several, and run rows on them for gateways.',
  );
  return addShardFlags(command).action(async (flags: ShardFlags) => {
    try {
      await run(flags, command);
    } catch (error) {
      // A command line that is wrong is an error of whoever wrote it.
      if (!hasParent() || error instanceof CommanderError || error instanceof UsageError) throw error;
      await failBefore(explain(error, command));
    }
  });
}

async function run(flags: ShardFlags, command: Command): Promise<void> {
  const { host } = flags;
  const paths = securityPaths(flags);
  const exposed = exposure(host, paths);
  if (exposed !== undefined) command.error(`error: ${exposed}`);
  const log = createLogger(flags);
  const security =
    paths && (await openSecurity(paths, { peers: CALLERS, log: (level, message) => log[level](message) }));
  if (flags.metricsPort !== undefined && !isLoopback(flags.metricsHost)) {
    log.warn(
      `anyone who reaches ${flags.metricsHost} can read /metrics: counts and times, no rows and no text`,
    );
  }
  const leaving = new AbortController();
  onSignals({ drain: () => leaving.abort(), halt: () => process.exit(130) });
  process.once('disconnect', () => process.exit(0)); // the parent has died; nobody else calls this shard
  process.channel?.unref(); // nor does its channel alone keep this process

  const startedAt = performance.now();
  const leaveFor = (fault: string) => {
    log.error(`${fault}; leaving service`);
    process.exitCode = 1;
    leaving.abort();
  };
  const wanted = await asUsage(command, () => wantedExperts(flags));
  if (flags.state !== undefined) lockState(flags.state, log);
  const state = shardState(flags.state);
  const opened = await Promise.all(
    wanted.map(async (each) => {
      const options = { standby: flags.standby, dir: flags.state, state, security, signal: leaving.signal };
      const { list, ...found } = await openExperts({ ...each, ...options });
      const units = () => (list === '' ? [] : parseHoldings(list, found.bundle.config));
      return { ...found, units: await asUsage(command, units) };
    }),
  );
  requireDistinct(opened.map(({ bundle }) => ({ dir: bundle.dir, identity: bundle.manifest.identity })));
  const { device, threads } = flags;
  const onDamaged = (error: Error) => leaveFor(error.message);
  // Ports come first: who has one in use is told before anything is loaded.
  const place = { host, port: flags.port };
  const kept = await keepPort(place).catch((error: unknown) => {
    throw portError(error, place);
  });
  let service: ShardService | undefined;
  const metrics = await openMetrics(flags, () => service?.state ?? 'loading');
  const held = await hold(opened, { device, threads, signal: leaving.signal, onDamaged, log });

  service = createShardService({
    models: held.map(({ bundle, device, units }) => {
      return { device, model: { ...modelOffer(bundle), standby: flags.standby }, units };
    }),
    version,
    name: () => name,
    residentBytes: process.memoryUsage.rss,
    ...(metrics && { metrics: metrics.metrics }),
  });
  const scrape = metrics?.server;
  const leave = new Leave({
    callers: () => server.callers(),
    models: new Map(held.map(({ bundle }) => [bundle.manifest.identity, modelOffer(bundle)])),
  });
  let left: Promise<DrainAnswer> | undefined;
  const drain = () => {
    leaving.abort();
    left ??= drainService(service, () => server.broadcast('draining', {}));
    return left;
  };
  let name = flags.name ?? '';
  const placed = placedModels({
    held,
    service,
    state,
    name: () => name,
    broadcast: (method, params) => server.broadcast(method, params),
    log,
  });
  const fares = () => ({
    state: service.state,
    units: [...placed.values()].reduce((sum, { units }) => sum + units.length, 0),
    ...service.counts,
    name,
    ...(flags.memory !== undefined && { memoryBytes: flags.memory }),
    residentBytes: process.memoryUsage.rss(),
    models: [...placed.values()].map(({ report }) => report),
  });
  const handlers = {
    ...service.handlers,
    ...adminHandlers({
      report: fares,
      async drain({ force }) {
        if (!force && !leaving.signal.aborted) await leave.permission();
        return await drain();
      },
    }),
    ...leave.handlers,
    ...bundleHandlers(opened.map(({ bundle }) => readable(bundle))),
    ...placeHandlers({
      models: placed,
      ...(security?.secret && { secret: security.secret }),
      open: paths === undefined,
    }),
  };
  const onError = (error: RpcError, method: string) =>
    log.error({ method, err: error.cause ?? error }, error.message);
  await kept.release();
  const server = await listen({
    handlers,
    host,
    port: kept.port,
    ...(security && { security }),
    maxConnections: flags.maxConnections,
    onError,
    onRefused: refusalLog((fields, message) => log.warn(fields, message)),
  }).catch((error: unknown) => {
    throw portError(error, { host, port: kept.port });
  });

  setInterval(() => {
    server.broadcast('memory', memoryParams(process.memoryUsage.rss()));
  }, TELL_MEMORY_MS).unref();

  const address = formatAddress(server.address);
  if (name === '') name = address;
  for (const { bundle, placement } of opened) {
    if (placement !== undefined) placed.get(bundle.manifest.identity)?.resume(placement);
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  process.stdout.write(`shard ready on ${address}: ${held.map(describeHeld).join('; ')} in ${seconds} s\n`);
  if (scrape !== undefined) {
    process.stdout.write(
      `metrics at http://${formatAddress({ host: flags.metricsHost, port: scrape.port })}/metrics\n`,
    );
  }
  for (const { bundle, checks } of held) {
    if (checks !== undefined) continue;
    process.stdout.write(
      `${bundle.dir} has no golden rows to check experts by: expertgrid golden adds them\n`,
    );
  }
  tellParent({ type: 'ready', address, port: server.address.port });
  for (const { bundle, checks } of held) {
    checks?.goOn(flags.checkEvery, () => placed.get(bundle.manifest.identity)?.units ?? [], leaveFor);
  }

  await aborted(leaving.signal);
  const stopped = Promise.all([
    ...held.map((each) => each.stopReading()),
    ...[...placed.values()].map((model) => model.stop()),
  ]);
  const { safeToDelete, inFlight } = await drain();
  await server.close({ graceMs: LAST_WORDS });
  await scrape?.close();
  await stopped;
  await Promise.all(held.map((each) => each.release()));
  if (safeToDelete) process.stdout.write(`safe to delete ${address}\n`);
  else {
    log.error(`${inFlight} calls were not answered within ${DRAIN_MS} ms`);
    process.exitCode = 1;
  }
  process.exit();
}

/** Undefined without `--metrics-port`: what counts and serves is then not even loaded, 9 MB of memory. */
async function openMetrics(
  { metricsHost: host, metricsPort: port }: ShardFlags,
  state: MetricsServerOptions['state'],
) {
  if (port === undefined) return undefined;
  const [{ createShardMetrics }, { serveMetrics }] = await Promise.all([
    import('../../experts/metrics.ts'),
    import('../../experts/metrics-server.ts'),
  ]);
  const metrics = createShardMetrics();
  const server = await serveMetrics({ registry: metrics.registry, state, host, port }).catch(
    (error: unknown) => {
      throw portError(error, { host, port }, { host: '--metrics-host', port: '--metrics-port' });
    },
  );
  return { metrics, server };
}

/** Takes no more calls; resolves when those in flight are answered, or have had `DRAIN_MS`. */
async function drainService(service: ShardService, tellGateways: () => void): Promise<DrainAnswer> {
  const idle = service.drain();
  tellGateways();
  await Promise.race([idle, delay(DRAIN_MS, undefined, { ref: false })]);
  return { safeToDelete: service.counts.inFlight === 0, ...service.counts };
}

/** A signal in the meantime ends the process: there is nothing to drain yet. */
async function hold(
  opened: readonly OpenedExperts[],
  options: Pick<HoldOptions, 'device' | 'threads' | 'signal' | 'onDamaged'> & { log: Logger },
): Promise<HeldExperts[]> {
  const { signal, log } = options;
  const child = hasParent();
  const bar = child ? undefined : progressBar({ label: 'loading', unit: 'experts' });
  const report = child ? undefined : readingReport({ log });
  try {
    await fetchExperts(opened, signal);
    return await holdModels(opened, {
      ...options,
      ...(child && { readAfter: toldToRead() }),
      onLoading: (done, total) => {
        bar?.update(done, total);
        tellParent({ type: 'loading', done, total });
      },
      onReading: (done, total) => {
        report?.update(done, total);
        tellParent({ type: 'reading', done, total });
      },
    });
  } catch (error) {
    if (signal.aborted) process.exit(0);
    throw error;
  } finally {
    bar?.end();
  }
}

/** What other shards may fetch. */
function readable({ dir, manifest }: Bundle): ReadableBundle {
  return {
    dir,
    identity: manifest.identity,
    files: new Set([MANIFEST_FILE, ...Object.keys(manifest.files)]),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
