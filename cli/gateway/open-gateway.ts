// Opens everything that the flags of a gateway name, such as models and files, before the gateway starts.
import type { Logger } from 'pino';
import type { ConnectionLimits } from '../../gateway/api/serve.ts';
import type { ApiOptions } from '../../gateway/api/shared.ts';
import { fileWarning } from '../../infra/discovery/watch-file.ts';
import type { Prefetch } from '../../model/devices/cpu/prefetch.ts';
import { fitKernels } from '../fit-kernels.ts';
import { type AccessOptions, openAccess } from '../flags/access-flags.ts';
import { engineOptions, type GatewayFlags } from '../flags/gateway-flags.ts';
import { fitExperts } from '../flags/model-fit.ts';
import { type NamedModel, type OpenedModel, openModels } from '../flags/models.ts';
import type { EngineThreadData } from './engine-thread.ts';
import { watchAliases } from './watch-aliases.ts';

export interface OpenedGateway {
  models: readonly OpenedModel[];
  api: AccessOptions & Pick<ApiOptions, 'aliases' | 'limits' | 'degrade' | 'experts' | 'peerAddresses'>;
  host: string;
  port: number;
  /** Address for health and metrics alone. Undefined: none. */
  status: { host: string; port: number } | undefined;
  connections: Partial<ConnectionLimits>;
  /** Time for open requests to end after the first signal. */
  graceMs: number;
  engines: Pick<EngineThreadData, 'device' | 'threads' | 'engine' | 'policy' | 'zone'>;
  /** Undefined if no kernels of this process prefetch. */
  prefetch: Prefetch | undefined;
  log: Logger;
}

export async function openGateway(
  flags: GatewayFlags,
  bundles: readonly NamedModel[],
  policy: EngineThreadData['policy'],
  log: Logger,
): Promise<OpenedGateway> {
  const { host, port, metricsPort, metricsHost, device, threads, zone, degrade, answerMemory } = flags;
  const models = await openModels(bundles, { device });
  const prefetch = fitKernels(flags, log);
  const engine = engineOptions(flags, models, log);
  const experts = fitExperts(models, flags);
  const aliases = await watchAliases({ ...flags, models, log });
  const access = await openAccess(flags, log);
  access.warnings.watch('aliases', fileWarning('--aliases', aliases.failing));
  return {
    models,
    api: {
      ...access,
      aliases: aliases.current,
      limits: { answerMemory },
      ...(degrade !== 'none' && { degrade }),
      ...(experts !== undefined && { experts }),
    },
    host,
    port,
    status: metricsPort === undefined ? undefined : { host: metricsHost, port: metricsPort },
    connections: { keepAliveMs: flags.keepAlive * 1000, idle: flags.maxIdleConnections },
    graceMs: flags.grace * 1000,
    engines: { device, threads, engine, policy, zone },
    prefetch,
    log,
  };
}
