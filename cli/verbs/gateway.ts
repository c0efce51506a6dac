// `expertgrid gateway`: runs the API and the engine over shards that run elsewhere.
import { Command, type Option } from 'commander';
import type { Logger } from 'pino';
import type { EngineClient } from '../../gateway/engine/messages.ts';
import { discover } from '../../infra/discovery/discovery.ts';
import {
  type PeerFlags,
  peerSource,
  type ShardSource,
  type ShardSourceFlags,
  shardSource,
} from '../../infra/discovery/shard-source.ts';
import { stale } from '../../infra/discovery/watch-file.ts';
import { isLoopback } from '../../rpc/address.ts';
import { addFlags, asUsage, commaSeparated, flag, inputFlag, port, several } from '../flags/flags.ts';
import { addGatewayFlags, callPolicy, type GatewayFlags } from '../flags/gateway-flags.ts';
import { homeExperts } from '../flags/home-experts.ts';
import { namedModels } from '../flags/models.ts';
import { CALLERS, openSecurity, type SecurityPaths, securityPaths } from '../flags/security-flags.ts';
import { openGateway } from '../gateway/open-gateway.ts';
import { serveGateway } from '../gateway/serve-gateway.ts';
import { openTransfer, type Transfer } from '../gateway/transfer.ts';
import { createLogger } from '../terminal/log.ts';

interface Flags extends GatewayFlags, ShardSourceFlags, PeerFlags {
  /** One list of experts for each model. */
  experts?: string[];
  transferPort: number;
}

export function gatewayCommand(): Command {
  const command = new Command('gateway').description(
    'Serve the completion API over expert shards that run elsewhere, over experts in this process, or over both.',
  );
  addFlags(command, 'Shards (give at most one of the first three):', [
    flag('--shards <host:port,…>', 'Address of each shard; a host is an IP address or a DNS name').argParser(
      commaSeparated,
    ),
    flag(
      '--shards-dns <name:port>',
      'One DNS name for all shards, looked up every 2 s. A name that starts with _, such as _shards._tcp.example, ' +
        'is looked up as SRV records, which include the port',
    ),
    inputFlag('--shards-file <file>', 'File with one host:port per line. Read again when it changes'),
    flag(
      '--experts <list>',
      'Experts to hold in this process. Their rows are computed here and are not sent to a shard, even if a shard holds ' +
        'these experts too. Same format as for `shard`, such as 0-23 or 3:17,5:0-11. Give one list for each --model, in the ' +
        'same order. Without --shards, --shards-dns and --shards-file, give all experts',
    )
      .env('EXPERTGRID_GATEWAY_EXPERTS') // EXPERTGRID_EXPERTS belongs to `shard`, which may run in the same environment
      .argParser(several)
      .default(undefined, 'none'),
  ]);
  addFlags(command, 'Other gateways:', peerFlags());
  return addGatewayFlags(command).action(async (flags: Flags) => {
    const policy = await asUsage(command, () => callPolicy(flags));
    const source = await asUsage(command, () => requiredSource(flags));
    const peers = await asUsage(command, () => peerSource(flags));
    const bundles = await asUsage(command, () => namedModels(flags.model));
    const log = createLogger(flags);
    const gateway = await openGateway(flags, bundles, policy, log);
    const homeOf = homeExperts({
      flag: '--experts',
      lists: flags.experts,
      models: gateway.models,
      alone: source === undefined,
    });
    const security = securityPaths(flags);
    const elsewhere = source && { ...source, ...(security && { security }) };
    const onFailing = (failing: boolean) =>
      gateway.api.warnings.set('peers', failing ? stale('--peers-dns') : undefined);
    const logLine = (level: 'info' | 'warn', message: string) => log[level](message);
    const found = peers && (await discover(peers, { what: 'gateways', log: logLine, onFailing }));
    await serveGateway({
      ...gateway,
      api: { ...gateway.api, ...(found && { peerAddresses: () => found.addresses }) },
      ...(peers && { openTransfer: (engines) => transferOf(flags, security, engines, log) }),
      startShards: async () => (model) => ({ here: homeOf(model), ...(elsewhere && { elsewhere }) }),
      stopShards: async () => {},
      killShards: () => {},
      awaitExperts: false,
    });
  });
}

function peerFlags(): Option[] {
  return [
    flag(
      '--peers <host:port,…>',
      'Address of each gateway over these shards. Prompts that begin alike then go to the same gateway, which has them cached',
    ).argParser(commaSeparated),
    flag(
      '--peers-dns <name:port>',
      'One DNS name for all gateways, looked up every 2 s. Use it instead of --peers',
    ),
    flag(
      '--transfer-port <number>',
      'Port at which other gateways of --peers or --peers-dns hand over the keys and values of their streams when they leave ' +
        'service, 0–65535; 0 picks a free port. Uses the certificates and the secret for shards; without them, only with a ' +
        'loopback --host',
    )
      .argParser(port)
      .default(0),
  ];
}

/** Throws if neither shards nor experts of this process are given. */
function requiredSource(flags: Flags): ShardSource | undefined {
  const source = shardSource(flags);
  if (source !== undefined || flags.experts !== undefined) return source;
  throw new Error(
    '--shards, --shards-dns, --shards-file: one is required, unless --experts names all experts for this process to hold',
  );
}

/** Undefined, with a line in the log, if anyone could send keys and values. */
async function transferOf(
  { host, transferPort: port }: Flags,
  paths: SecurityPaths | undefined,
  engines: readonly EngineClient[],
  log: Logger,
): Promise<Transfer | undefined> {
  if (paths === undefined && !isLoopback(host)) {
    log.warn(
      'other gateways cannot hand over keys and values of their streams, because anyone could: give --secret-file, or ' +
        '--tls-cert, --tls-key and --tls-ca',
    );
    return undefined;
  }
  const logLine = (level: 'info' | 'warn' | 'error', message: string) => log[level](message);
  const security = paths && (await openSecurity(paths, { log: logLine, peers: CALLERS }));
  return await openTransfer({ host, port, ...(security && { security }), engines, log });
}
