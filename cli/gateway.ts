// `expertgrid gateway`: the API and the engine, over shards that run elsewhere.
import { Command } from 'commander';
import { modelDirectory } from './files.ts';
import { flag } from './flags.ts';
import { addGatewayFlags, engineOptions, type GatewayFlags } from './gateway-flags.ts';
import { createLogger } from './log.ts';
import { serveGateway } from './serve-gateway.ts';

interface Flags extends GatewayFlags {
  model: string;
  shards: string[];
}

export function gatewayCommand(): Command {
  const command = new Command('gateway')
    .description('Serve the completion API over expert shards that run elsewhere.')
    .addOption(flag('--model <dir>', 'bundle; its dense part is read').default('nano'))
    .addOption(
      flag('--shards <host:port,…>', 'addresses of the expert shards')
        .argParser((text) => text.split(',').map((address) => address.trim()))
        .makeOptionMandatory(),
    );
  return addGatewayFlags(command).action(async (flags: Flags) => {
    const { host, port, device, threads, logLevel, shards } = flags;
    await serveGateway({
      model: modelDirectory(flags.model),
      host,
      port,
      device,
      threads,
      engine: engineOptions(flags),
      log: createLogger(logLevel),
      startShards: async () => ({ addresses: shards }),
      stopShards: async () => {},
      killShards: () => {},
      awaitExperts: false,
    });
  });
}
