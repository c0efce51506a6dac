// `expertgrid shard`: one process that holds experts and runs rows on them until it is asked to leave.
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { adminHandlers, type DrainAnswer } from '../experts/admin.ts';
import { formatHoldings, parseHoldings } from '../experts/holdings.ts';
import { createShardMetrics } from '../experts/metrics.ts';
import { serveMetrics } from '../experts/metrics-server.ts';
import { createShardService, type ShardService } from '../experts/service.ts';
import { type Bundle, openBundle } from '../model/bundle/bundle.ts';
import type { ExpertDevice, Unit } from '../model/devices/expert.ts';
import { type DeviceName, openExpertDevice } from '../model/devices/open.ts';
import { formatAddress, isLoopback } from '../rpc/address.ts';
import type { RpcError } from '../rpc/errors.ts';
import { listen } from '../rpc/server.ts';
import { modelDirectory } from './files.ts';
import { flag, integer, port } from './flags.ts';
import { deviceFlag, threadsFlag } from './gateway-flags.ts';
import { checkGoldens } from './golden-checks.ts';
import { createLogger, LOG_LEVELS } from './log.ts';
import { modelOffer } from './offer.ts';
import { progressBar } from './progress.ts';
import { readingReport } from './reading-report.ts';
import { refusalLog } from './refusal-log.ts';
import {
  addSecurityFlags,
  CALLERS,
  exposure,
  openSecurity,
  type SecurityFlags,
  securityPaths,
} from './security-flags.ts';
import { onSignals } from './signals.ts';
import { startReadAhead } from './start-read-ahead.ts';
import { version } from './version.ts';

/** Calls in flight get this long to end. */
const DRAIN_MS = 10_000;

/** Answers that are on their way out get this long. Milliseconds. */
const LAST_WORDS = 1_000;

interface ShardFlags extends SecurityFlags {
  model: string;
  experts?: string;
  standby: boolean;
  host: string;
  port: number;
  device: DeviceName;
  threads: number;
  metricsPort?: number;
  metricsHost: string;
  maxConnections: number;
  checkEvery: number;
  logLevel: string;
}

/** What it tells a parent that started it with an IPC channel. */
export type ShardMessage =
  | { type: 'loading'; done: number; total: number }
  /** Bytes, while it serves. */
  | { type: 'reading'; done: number; total: number }
  | { type: 'ready'; address: string; port: number };

/** What such a parent tells it, once all that it starts is there: reading ahead takes cores and disk from the others. */
export interface ReadAheadMessage {
  type: 'read-ahead';
}

/** Experts are checked even if the parent never says so. Milliseconds. */
const LONGEST_UNREAD = 30_000;

export function shardCommand(): Command {
  const command = new Command('shard')
    .description('Hold experts of a model and run rows on them for gateways.')
    .addOption(flag('--model <dir>', "the bundle's directory").makeOptionMandatory())
    .addOption(
      flag('--experts <list>', '0-23 of every layer; 3:17,5:0-11 as layer:experts (with --standby: all)'),
    )
    .addOption(
      flag(
        '--standby',
        'its copies, of a bundle of lower precision, are for when nothing better is left',
      ).default(false),
    )
    .addOption(flag('--host <address>', 'address to listen on').default('127.0.0.1'))
    .addOption(flag('--port <number>', 'port to listen on; 0 takes a free one').argParser(port).default(7001))
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addOption(flag('--metrics-port <number>', 'serve /metrics and /health on this port').argParser(port))
    .addOption(
      flag(
        '--metrics-host <address>',
        'address for these; on others than loopback, anyone may read them',
      ).default('127.0.0.1'),
    )
    .addOption(
      flag('--max-connections <n>', 'connections at once; a gateway takes two')
        .argParser(integer({ min: 2 }))
        .default(256),
    )
    .addOption(
      flag('--check-every <ms>', 'one expert is held against its golden answer this often; 0: at start only')
        .argParser(integer())
        .default(1_000),
    )
    .addOption(flag('--log-level <level>', 'how much to log').choices(LOG_LEVELS).default('info'));
  return addSecurityFlags(command).action((flags: ShardFlags) =>
    run(flags, (message) => command.error(`error: ${message}`)),
  );
}

async function run(flags: ShardFlags, refuse: (message: string) => never): Promise<void> {
  const { host } = flags;
  const paths = securityPaths(flags);
  const exposed = exposure(host, paths);
  if (exposed !== undefined) refuse(exposed);
  const log = createLogger(flags.logLevel);
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
  const bundle = await openBundle(modelDirectory(flags.model));
  if (flags.experts === undefined && !flags.standby)
    refuse('--experts <list> says which it holds: 0-23, say');
  const units = readUnits(flags.experts ?? `0-${bundle.config.experts - 1}`, bundle.config, refuse);
  const opened = openExpertDevice({ bundle, device: flags.device, threads: flags.threads });
  await load(opened, units, leaving.signal);
  const report = process.send === undefined ? readingReport({ log }) : undefined;
  const reading =
    opened.mapIn === undefined
      ? undefined
      : startReadAhead({
          bundle,
          units,
          ...(process.send !== undefined && { after: toldToRead() }),
          onUnits: (done, total) => {
            report?.update(done, total);
            tell({ type: 'reading', done, total });
          },
          onDamaged: (error) => {
            log.error(`${error.message}; leaving service`);
            process.exitCode = 1;
            leaving.abort();
          },
        });
  const device = reading?.serve(opened) ?? opened;
  const checks = await checkGoldens(bundle, device, units);

  const metrics = createShardMetrics();
  const service = createShardService({
    device,
    model: { ...modelOffer(bundle), standby: flags.standby },
    units,
    version,
    metrics,
  });
  const { metricsPort, metricsHost, maxConnections } = flags;
  const state = () => service.state;
  const scrape =
    metricsPort === undefined
      ? undefined
      : await serveMetrics({ registry: metrics.registry, state, host: metricsHost, port: metricsPort });
  let left: Promise<DrainAnswer> | undefined;
  const drain = () => {
    leaving.abort();
    left ??= drainService(service, () => server.broadcast('draining', {}));
    return left;
  };
  const fares = () => ({ state: service.state, units: units.length, ...service.counts });
  const handlers = { ...service.handlers, ...adminHandlers({ report: fares, drain }) };
  const onError = (error: RpcError, method: string) =>
    log.error({ method, err: error.cause ?? error }, error.message);
  const server = await listen({
    handlers,
    host,
    port: flags.port,
    ...(security && { security }),
    maxConnections,
    onError,
    onRefused: refusalLog((fields, message) => log.warn(fields, message)),
  }).catch(async (error) => {
    await scrape?.close();
    throw error;
  });

  const address = formatAddress(server.address);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  const megabytes = units.reduce((sum, { layer, expert }) => sum + sizeOf(bundle, layer, expert), 0) / 1e6;
  const held = `experts ${formatHoldings(units, bundle.config)} of ${bundle.config.layers} layers`;
  const size = `${units.length} units, ${megabytes.toFixed(1)} MB`;
  process.stdout.write(`shard ready on ${address}: ${held} (${size}) in ${seconds} s\n`);
  if (scrape !== undefined) {
    process.stdout.write(
      `metrics at http://${formatAddress({ host: metricsHost, port: scrape.port })}/metrics\n`,
    );
  }
  if (checks === undefined) {
    process.stdout.write(
      `${bundle.dir} has no golden rows to check experts by: expertgrid golden adds them\n`,
    );
  }
  tell({ type: 'ready', address, port: server.address.port });
  checks?.goOn(flags.checkEvery, (fault) => {
    log.error(`${fault}; leaving service`);
    process.exitCode = 1;
    leaving.abort();
  });

  await aborted(leaving.signal);
  const stopped = reading?.stop();
  const { safeToDelete, inFlight } = await drain();
  await server.close({ graceMs: LAST_WORDS });
  await scrape?.close();
  await stopped;
  await checks?.stop();
  await device.dispose();
  await bundle.close();
  if (safeToDelete) process.stdout.write(`safe to delete ${address}\n`);
  else {
    log.error(`${inFlight} calls were not answered within ${DRAIN_MS} ms`);
    process.exitCode = 1;
  }
  process.exit();
}

/** Takes no more calls; resolves when those in flight are answered, or have had `DRAIN_MS`. */
async function drainService(service: ShardService, tellGateways: () => void): Promise<DrainAnswer> {
  const idle = service.drain();
  tellGateways();
  await Promise.race([idle, delay(DRAIN_MS, undefined, { ref: false })]);
  return { safeToDelete: service.counts.inFlight === 0, ...service.counts };
}

/** A signal in the meantime ends the process: there is nothing to drain yet. */
async function load(device: ExpertDevice, units: readonly Unit[], signal: AbortSignal): Promise<void> {
  const format = (count: number) => `${Math.round(count)} experts`;
  const bar = process.send === undefined ? progressBar({ label: 'loading', format }) : undefined;
  try {
    await device.load(units, {
      signal,
      onLoaded: (_, done, total) => {
        bar?.update(done, total);
        tell({ type: 'loading', done, total });
      },
    });
  } catch (error) {
    if (signal.aborted) process.exit(0);
    throw error;
  } finally {
    bar?.end();
  }
}

/** Bytes of a unit's weights in the bundle. */
function sizeOf({ manifest }: Bundle, layer: number, expert: number): number {
  return manifest.experts[layer]?.[expert]?.length ?? 0;
}

function readUnits(
  experts: string,
  shape: { layers: number; experts: number },
  refuse: (message: string) => never,
): Unit[] {
  try {
    return parseHoldings(experts, shape);
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function toldToRead(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LONGEST_UNREAD).unref();
    process.once('message', (_: ReadAheadMessage) => resolve());
  });
}

function tell(message: ShardMessage): void {
  process.send?.(message);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
