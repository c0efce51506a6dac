// `expertgrid gateway`: the API and the engine, over shards that run elsewhere.
import { Command } from 'commander';
import { modelDirectory } from './files.ts';
import { flag } from './flags.ts';
import {
  addGatewayFlags,
  callPolicy,
  defaultRung,
  engineOptions,
  type GatewayFlags,
} from './gateway-flags.ts';
import { createLogger } from './log.ts';
import { securityPaths } from './security-flags.ts';
import { serveGateway } from './serve-gateway.ts';
import { type ShardSource, type ShardSourceFlags, shardSource } from './shard-source.ts';

interface Flags extends GatewayFlags, ShardSourceFlags {
  model: string;
}

export function gatewayCommand(): Command {
  const command = new Command('gateway')
    .description('Serve the completion API over expert shards that run elsewhere.')
    .addOption(flag('--model <dir>', 'bundle; its dense part is read').default('nano'))
    .addOption(
      flag('--shards <host:port,…>', 'addresses of the expert shards').argParser((text) =>
        text.split(',').map((address) => address.trim()),
      ),
    )
    .addOption(
      flag('--shards-dns <name:port>', 'or a name that is looked up every 2 s; an SRV name, _shards._tcp.…'),
    )
    .addOption(flag('--shards-file <file>', 'or a file with an address a line, which is watched'));
  return addGatewayFlags(command).action(async (flags: Flags) => {
    const { host, port, device, threads, logLevel } = flags;
    const source = readSource(flags, (message) => command.error(`error: ${message}`));
    const security = securityPaths(flags);
    await serveGateway({
      model: modelDirectory(flags.model),
      host,
      port,
      device,
      threads,
      engine: engineOptions(flags),
      policy: callPolicy(flags),
      ...defaultRung(flags),
      log: createLogger(logLevel),
      startShards: async () => ({ ...source, ...(security && { security }) }),
      stopShards: async () => {},
      killShards: () => {},
      awaitExperts: false,
    });
  });
}

function readSource(flags: ShardSourceFlags, refuse: (message: string) => never): ShardSource {
  try {
    return shardSource(flags);
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}
