// `expertgrid up`: everything on one machine, a gateway and its expert shards, each shard a process of its own.
import { Command } from 'commander';
import { openAccess } from './access-flags.ts';
import { asUsage, flag, integer } from './flags.ts';
import {
  addGatewayFlags,
  callPolicy,
  connectionLimits,
  defaultRung,
  engineOptions,
  type GatewayFlags,
} from './gateway-flags.ts';
import { createLogger } from './log.ts';
import { namedModels, type OpenedModel, openModels } from './models.ts';
import { addUp } from './reading-report.ts';
import { securityPaths } from './security-flags.ts';
import { serveGateway } from './serve-gateway.ts';
import { ShardProcess } from './shard-process.ts';
import { split } from './split.ts';
import { watchAliases } from './watch-aliases.ts';

interface Flags extends GatewayFlags {
  shards: number | undefined;
  inProcess: boolean;
}

const DEFAULT_SHARDS = 4;

/** A shard drains for 10 s at most; one that is still there after this is killed. Milliseconds. */
const SHARD_GRACE = 12_000;

export function upCommand(): Command {
  const command = new Command('up')
    .description('Serve models on this machine: a gateway and its expert shards.')
    .addOption(
      flag('--shards <n>', `expert shard processes (${DEFAULT_SHARDS}; with --in-process 1)`).argParser(
        integer({ min: 1 }),
      ),
    )
    .addOption(flag('--in-process', 'run the experts in the gateway, without sockets').default(false));
  return addGatewayFlags(command).action(up);
}

async function up(flags: Flags, command: Command): Promise<void> {
  const log = createLogger(flags.logLevel);
  const policy = await asUsage(command, () => callPolicy(flags));
  const named = await asUsage(command, () => namedModels(flags.model));
  const models = await openModels(named, flags);
  const aliases = await asUsage(command, () => watchAliases({ ...flags, models, log }));
  const access = await asUsage(command, () => openAccess(flags, log));
  const count = flags.shards ?? (flags.inProcess ? 1 : DEFAULT_SHARDS);
  /** Each shard holds its share of every model. */
  const ranges = ({ experts }: OpenedModel) => split(experts, count);
  const shares = Array.from({ length: count }, (_, shard) =>
    models.map((model) => ({ model: model.dir, experts: ranges(model)[shard]! })),
  );

  // Shards compute at the same time, on the same cores.
  const threads = Math.max(1, Math.floor(flags.threads / count));
  const security = securityPaths(flags);
  const processes = flags.inProcess
    ? []
    : shares.map((holds) => new ShardProcess({ ...flags, threads, holds, security, log }));
  await serveGateway({
    models,
    aliases: aliases.current,
    access,
    host: flags.host,
    port: flags.port,
    connections: connectionLimits(flags),
    device: flags.device,
    threads: flags.threads,
    engine: engineOptions(flags),
    policy,
    ...defaultRung(flags),
    log,
    startShards: async ({ onLoading, onReading }) => {
      if (flags.inProcess) return (model) => ({ holdings: ranges(model) });
      const [loading, reading] = [onLoading, onReading].map((report) => addUp(processes.length, report));
      const addresses = await Promise.all(
        processes.map((shard, i) => shard.start({ onLoading: loading?.[i], onReading: reading?.[i] })),
      );
      return () => ({ addresses, ...(security && { security }) });
    },
    onServing: () => {
      for (const shard of processes) shard.readAhead();
    },
    stopShards: async () => {
      await Promise.all(processes.map((shard) => shard.stop(SHARD_GRACE)));
    },
    killShards: () => {
      for (const shard of processes) shard.kill();
    },
    awaitExperts: true,
  });
}
