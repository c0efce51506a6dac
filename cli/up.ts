// `expertgrid up`: everything on one machine, a gateway and its expert shards, each shard a process of its own.
import { Command } from 'commander';
import { openBundle } from '../model/bundle/bundle.ts';
import { requireDevice } from '../model/devices/open.ts';
import { modelDirectory } from './files.ts';
import { flag, integer } from './flags.ts';
import {
  addGatewayFlags,
  callPolicy,
  defaultRung,
  engineOptions,
  type GatewayFlags,
} from './gateway-flags.ts';
import { createLogger } from './log.ts';
import { addUp } from './reading-report.ts';
import { securityPaths } from './security-flags.ts';
import { serveGateway } from './serve-gateway.ts';
import { ShardProcess } from './shard-process.ts';
import { split } from './split.ts';

interface Flags extends GatewayFlags {
  model: string;
  shards: number | undefined;
  inProcess: boolean;
}

const DEFAULT_SHARDS = 4;

/** A shard drains for 10 s at most; one that is still there after this is killed. Milliseconds. */
const SHARD_GRACE = 12_000;

export function upCommand(): Command {
  const command = new Command('up')
    .description('Serve a model on this machine: a gateway and its expert shards.')
    .addOption(flag('--model <dir>', 'bundle to serve; nano is the embedded one').default('nano'))
    .addOption(
      flag('--shards <n>', `expert shard processes (${DEFAULT_SHARDS}; with --in-process 1)`).argParser(
        integer({ min: 1 }),
      ),
    )
    .addOption(flag('--in-process', 'run the experts in the gateway, without sockets').default(false));
  return addGatewayFlags(command).action(up);
}

async function up(flags: Flags): Promise<void> {
  const log = createLogger(flags.logLevel);
  const model = modelDirectory(flags.model);
  const bundle = await openBundle(model);
  const { experts } = bundle.config;
  const shards = flags.shards ?? (flags.inProcess ? 1 : DEFAULT_SHARDS);
  const ranges = split(experts, shards);
  requireDevice({ bundle, device: flags.device });
  await bundle.close();

  // Shards compute at the same time, on the same cores.
  const share = Math.max(1, Math.floor(flags.threads / shards));
  const security = securityPaths(flags);
  const processes = flags.inProcess
    ? []
    : ranges.map(
        (range) => new ShardProcess({ ...flags, threads: share, model, experts: range, security, log }),
      );
  await serveGateway({
    model,
    host: flags.host,
    port: flags.port,
    device: flags.device,
    threads: flags.threads,
    engine: engineOptions(flags),
    policy: callPolicy(flags),
    ...defaultRung(flags),
    log,
    startShards: async ({ onLoading, onReading }) => {
      if (flags.inProcess) return { holdings: ranges };
      const [loading, reading] = [onLoading, onReading].map((report) => addUp(processes.length, report));
      const addresses = await Promise.all(
        processes.map((shard, i) => shard.start({ onLoading: loading?.[i], onReading: reading?.[i] })),
      );
      return { addresses, ...(security && { security }) };
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
