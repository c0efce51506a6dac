// `expertgrid gateway`: the API and the engine, over shards that run elsewhere.
import { Command } from 'commander';
import { openAccess } from './access-flags.ts';
import { discover } from './discovery.ts';
import { asUsage, flag } from './flags.ts';
import {
  addGatewayFlags,
  callPolicy,
  connectionLimits,
  defaultRung,
  engineOptions,
  type GatewayFlags,
} from './gateway-flags.ts';
import { createLogger } from './log.ts';
import { namedModels, openModels } from './models.ts';
import { securityPaths } from './security-flags.ts';
import { serveGateway } from './serve-gateway.ts';
import { type PeerFlags, peerSource, type ShardSourceFlags, shardSource } from './shard-source.ts';
import { watchAliases } from './watch-aliases.ts';

interface Flags extends GatewayFlags, ShardSourceFlags, PeerFlags {}

export function gatewayCommand(): Command {
  const command = new Command('gateway')
    .description('Serve the completion API over expert shards that run elsewhere.')
    .addOption(flag('--shards <host:port,…>', 'addresses of the expert shards').argParser(list))
    .addOption(
      flag(
        '--shards-dns <name:port>',
        'or a name that is looked up every 2 s; an SRV name (_shards._tcp.example) brings its ports',
      ),
    )
    .addOption(flag('--shards-file <file>', 'or a file with a host:port a line, which is watched'))
    .addOption(
      flag(
        '--peers <host:port,…>',
        'addresses of all gateways over these shards: prompts that begin alike go to the same one',
      ).argParser(list),
    )
    .addOption(flag('--peers-dns <name:port>', 'or a name that is looked up every 2 s'));
  return addGatewayFlags(command).action(async (flags: Flags) => {
    const { host, port, device, threads, logLevel } = flags;
    const policy = await asUsage(command, () => callPolicy(flags));
    const source = await asUsage(command, () => shardSource(flags));
    const peers = await asUsage(command, () => peerSource(flags));
    const models = await openModels(await asUsage(command, () => namedModels(flags.model)));
    const security = securityPaths(flags);
    const log = createLogger(logLevel);
    const aliases = await asUsage(command, () => watchAliases({ ...flags, models, log }));
    const access = await asUsage(command, () => openAccess(flags, log));
    const found =
      peers && (await discover(peers, { what: 'gateways', log: (level, message) => log[level](message) }));
    await serveGateway({
      models,
      ...(found && { peerAddresses: () => found.addresses }),
      aliases: aliases.current,
      access,
      host,
      port,
      connections: connectionLimits(flags),
      device,
      threads,
      engine: engineOptions(flags),
      policy,
      ...defaultRung(flags),
      log,
      startShards: async () => () => ({ ...source, ...(security && { security }) }),
      stopShards: async () => {},
      killShards: () => {},
      awaitExperts: false,
    });
  });
}

function list(text: string): string[] {
  return text.split(',').map((address) => address.trim());
}
