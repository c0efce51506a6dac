// The first phase of a shard process: it opens files, ports and credentials before any expert is loaded.
import type { Command } from 'commander';
import type { Logger } from 'pino';
import { parseHoldings } from '../../experts/holdings.ts';
import type { ShardMetrics } from '../../experts/metrics.ts';
import type { MetricsServerOptions } from '../../experts/metrics-server.ts';
import type { SignedPlacement } from '../../experts/placing/placement-file.ts';
import { unitShape } from '../../model/config/model-config.ts';
import { formatAddress, isLoopback } from '../../rpc/address.ts';
import type { Credentials } from '../../rpc/security/credentials.ts';
import type { Closing } from '../closing.ts';
import { fitKernels } from '../fit-kernels.ts';
import { asUsage } from '../flags/flags.ts';
import { requireDistinct } from '../flags/models.ts';
import { CALLERS, exposure, openSecurity, securityPaths } from '../flags/security-flags.ts';
import type { ShardFlags } from '../flags/shard-flags.ts';
import { type KeptPort, keepPort, portError } from '../gateway/ports.ts';
import type { OpenedExperts } from './hold-models.ts';
import type { Leaving } from './leaving.ts';
import { openExperts, wantedExperts } from './open-experts.ts';
import { lockState, type ShardState, shardState } from './shard-state.ts';

export interface OpenedShard {
  security: Credentials | undefined;
  state: ShardState;
  models: readonly OpenedModel[];
  /** The port, which is reserved until the shard listens. */
  port: KeptPort;
  /** `host:port` */
  address: string;
  /** Name of the shard in placements. */
  name: string;
  /** Undefined without `--metrics-port`. */
  metrics: OpenedMetrics | undefined;
}

export interface OpenedModel extends OpenedExperts {
  /** The placement in the state directory. */
  placement: SignedPlacement | undefined;
}

interface OpenedMetrics {
  metrics: ShardMetrics;
  url: string;
  /** From now on, `/health` answers with `state()`. Before, it answers `loading`. */
  follow(state: MetricsServerOptions['state']): void;
}

/** The objects that every phase of a shard process needs. */
export interface ShardRun {
  flags: ShardFlags;
  command: Command;
  log: Logger;
  leaving: Leaving;
  closing: Closing;
}

export async function openShard(run: ShardRun): Promise<OpenedShard> {
  const { flags, command, log, closing } = run;
  const { host } = flags;
  const paths = securityPaths(flags);
  const exposed = exposure(host, paths);
  if (exposed !== undefined) command.error(`error: ${exposed}`);
  const security =
    paths && (await openSecurity(paths, { peers: CALLERS, log: (level, message) => log[level](message) }));
  closing.add(() => security?.close());
  fitKernels(flags, log);
  const state = shardState(flags.state);
  const models = await openModels(run, security, state);
  // The ports are opened before the experts are loaded, so that a port in use is reported at once.
  const port = await keepPort({ host, port: flags.port }).catch((error: unknown) => {
    throw portError(error, { host, port: flags.port });
  });
  closing.add(() => port.release());
  const address = formatAddress({ host, port: port.port });
  const metrics = await openMetrics(run);
  return { security, state, models, port, address, name: flags.name ?? address, metrics };
}

async function openModels(
  { flags, command, log, leaving: { signal } }: ShardRun,
  security: Credentials | undefined,
  state: ShardState,
): Promise<OpenedModel[]> {
  const { standby, state: dir } = flags;
  const wanted = await asUsage(command, () => wantedExperts(flags));
  if (dir !== undefined) lockState(dir, log);
  const models = await Promise.all(
    wanted.map(async (each) => {
      const { list, ...found } = await openExperts({ ...each, standby, dir, state, security, signal });
      const units = () => (list === '' ? [] : parseHoldings(list, unitShape(found.bundle.config)));
      return { ...found, units: await asUsage(command, units) };
    }),
  );
  requireDistinct(models.map(({ bundle }) => ({ dir: bundle.dir, identity: bundle.manifest.identity })));
  return models;
}

/** Imports the modules for metrics only with `--metrics-port`, because they need 9 MB of memory. */
async function openMetrics({ flags, log, closing }: ShardRun): Promise<OpenedMetrics | undefined> {
  const { metricsHost: host, metricsPort } = flags;
  if (metricsPort === undefined) return undefined;
  if (!isLoopback(host)) {
    log.warn(
      `anyone who can connect to ${host} can read /metrics; it shows counts and times, but no requests`,
    );
  }
  const [{ ShardMetrics }, { serveMetrics }] = await Promise.all([
    import('../../experts/metrics.ts'),
    import('../../experts/metrics-server.ts'),
  ]);
  const metrics = new ShardMetrics();
  let state: MetricsServerOptions['state'] = () => 'loading';
  const place = { host, port: metricsPort };
  const options = { registry: metrics.registry, state: () => state(), ...place };
  const server = await serveMetrics(options).catch((error: unknown) => {
    throw portError(error, place, { host: '--metrics-host', port: '--metrics-port' });
  });
  closing.add(() => server.close());
  return {
    metrics,
    url: `http://${formatAddress({ host, port: server.port })}/metrics`,
    follow(followed) {
      state = followed;
    },
  };
}
