// `expertgrid gateway`: the API and the engine, over shards that run elsewhere.
import { Command } from 'commander';
import { discover } from '../../infra/discovery/discovery.ts';
import {
  type PeerFlags,
  peerSource,
  type ShardSourceFlags,
  shardSource,
} from '../../infra/discovery/shard-source.ts';
import { stale } from '../../infra/discovery/watch-file.ts';
import { asUsage, flag, inputFlag } from '../flags/flags.ts';
import { addGatewayFlags, callPolicy, type GatewayFlags } from '../flags/gateway-flags.ts';
import { namedModels } from '../flags/models.ts';
import { securityPaths } from '../flags/security-flags.ts';
import { openGateway } from '../gateway/open-gateway.ts';
import { serveGateway } from '../gateway/serve-gateway.ts';
import { createLogger } from '../terminal/log.ts';

interface Flags extends GatewayFlags, ShardSourceFlags, PeerFlags {}

export function gatewayCommand(): Command {
  const command = new Command('gateway')
    .description('Serve the completion API over expert shards that run elsewhere.')
    .optionsGroup('Shards (exactly one of the first three):')
    .addOption(
      flag('--shards <host:port,…>', 'Addresses of the shards, or DNS names with a port').argParser(list),
    )
    .addOption(
      flag(
        '--shards-dns <name:port>',
        'DNS name of the shards, looked up every 2 s. A name that starts with _ is queried for SRV records, ' +
          'which include the port: _shards._tcp.example',
      ),
    )
    .addOption(
      inputFlag('--shards-file <file>', 'File with one host:port a line, read again when it changes'),
    )
    .addOption(
      flag(
        '--peers <host:port,…>',
        'Addresses of all gateways over these shards, so that prompts with a common beginning go to one of them',
      ).argParser(list),
    )
    .addOption(flag('--peers-dns <name:port>', 'DNS name of all gateways, looked up every 2 s'));
  return addGatewayFlags(command).action(async (flags: Flags) => {
    const policy = await asUsage(command, () => callPolicy(flags));
    const source = await asUsage(command, () => shardSource(flags));
    const peers = await asUsage(command, () => peerSource(flags));
    const bundles = await asUsage(command, () => namedModels(flags.model));
    const log = createLogger(flags);
    const gateway = await openGateway(flags, { bundles, policy, log });
    const security = securityPaths(flags);
    const onFailing = (failing: boolean) =>
      gateway.api.warnings.set('peers', failing ? stale('--peers-dns') : undefined);
    const logLine = (level: 'info' | 'warn', message: string) => log[level](message);
    const found = peers && (await discover(peers, { what: 'gateways', log: logLine, onFailing }));
    await serveGateway({
      ...gateway,
      api: { ...gateway.api, ...(found && { peerAddresses: () => found.addresses }) },
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
