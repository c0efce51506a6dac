// `expertgrid up`: everything on one machine, a gateway and its expert shards, each shard a process of its own.
import { Command } from 'commander';
import { openBundle } from '../model/bundle/bundle.ts';
import { modelDirectory } from './files.ts';
import { flag, integer } from './flags.ts';
import { addGatewayFlags, engineOptions, type GatewayFlags } from './gateway-flags.ts';
import { createLogger } from './log.ts';
import { serveGateway } from './serve-gateway.ts';
import { ShardProcess } from './shard-process.ts';
import { split } from './split.ts';

interface Flags extends GatewayFlags {
  model: string;
  shards: number;
  inProcess: boolean;
}

/** A shard drains for 10 s at most; one that is still there after this is killed. Milliseconds. */
const SHARD_GRACE = 12_000;

export function upCommand(): Command {
  const command = new Command('up')
    .description('Serve a model on this machine: a gateway and its expert shards.')
    .addOption(flag('--model <dir>', 'bundle to serve; nano is the embedded one').default('nano'))
    .addOption(
      flag('--shards <n>', 'expert shard processes')
        .argParser(integer({ min: 1 }))
        .default(4),
    )
    .addOption(flag('--in-process', 'run the experts in the gateway, without sockets').default(false));
  return addGatewayFlags(command).action(up);
}

async function up(flags: Flags): Promise<void> {
  const log = createLogger(flags.logLevel);
  const model = modelDirectory(flags.model);
  const bundle = await openBundle(model);
  const ranges = split(bundle.config.experts, flags.shards);
  await bundle.close();

  const processes = flags.inProcess
    ? []
    : ranges.map((experts) => new ShardProcess({ model, experts, logLevel: flags.logLevel, log }));
  await serveGateway({
    name: 'up',
    model,
    shards: async (onLoading) => {
      if (flags.inProcess) return { holdings: ranges };
      const loaded = new Array<[done: number, total: number]>(processes.length).fill([0, 0]);
      const addresses = await Promise.all(
        processes.map((shard, index) =>
          shard.start((done, total) => {
            loaded[index] = [done, total];
            onLoading(
              loaded.reduce((sum, [each]) => sum + each, 0),
              loaded.reduce((sum, [, each]) => sum + each, 0),
            );
          }),
        ),
      );
      return { addresses };
    },
    flags,
    engine: engineOptions(flags),
    log,
    stopShards: async () => {
      await Promise.all(processes.map((shard) => shard.stop(SHARD_GRACE)));
    },
    killShards: () => {
      for (const shard of processes) shard.kill();
    },
  });
}
