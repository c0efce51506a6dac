// The flags for TLS and the shared secret between gateways and shards, and the credentials made from them. Other threads and
// processes get the paths, and each of them reads the files itself.
import type { Command } from 'commander';
import { isLoopback } from '../../rpc/address.ts';
import type { TlsPaths } from '../../rpc/security/credential-files.ts';
import {
  type Credentials,
  type OpenCredentialsOptions,
  openCredentials,
} from '../../rpc/security/credentials.ts';
import { addFlags, commaSeparated, flag, inputFlag, LOOPBACK } from './flags.ts';

export interface SecurityFlags {
  tlsCert?: string;
  tlsKey?: string;
  tlsCa?: string;
  tlsPeers?: string[];
  secretFile?: string;
}

export interface SecurityPaths {
  tls?: TlsPaths;
  /** Names that a peer's certificate may carry. */
  peers?: readonly string[];
  /** Path of the file with the shared secret. */
  secret?: string;
}

/** Names that a shard accepts by default in the certificate of a caller. */
export const CALLERS = ['gateway', 'gateway-*', 'gateway.*', 'admin', 'admin-*', 'admin.*'] as const;

/** Default of --tls-peers for a process that calls shards. */
const CALLED_HOST = 'the DNS name or address of the called shard';

/** Default of --tls-peers for `up`, which passes its flags on to its shards. */
export const PEERS_OF_UP = `the shards accept ${CALLERS.join(', ')}; the gateway accepts ${LOOPBACK}`;

/** `standardPeers` describes the default of --tls-peers. */
export function addSecurityFlags(command: Command, standardPeers = CALLED_HOST): Command {
  return addFlags(command, 'Security between gateways and shards:', [
    inputFlag('--tls-cert <file>', 'Certificate of this process, in PEM'),
    inputFlag('--tls-key <file>', 'Private key of --tls-cert, in PEM'),
    inputFlag(
      '--tls-ca <file>',
      'Certificate of the authority that signed the certificates of gateways and shards, in PEM',
    ),
    flag(
      '--tls-peers <name,…>',
      "Names to accept in the other side's certificate. A name may contain one *, which stands for any text",
    )
      .argParser(commaSeparated)
      .default(undefined, standardPeers),
    inputFlag(
      '--secret-file <file>',
      'File with the secret that gateways and shards share, at least 16 bytes',
    ),
  ]).hook('preAction', (called) => {
    const reason = misused(called.opts<SecurityFlags>());
    if (reason !== undefined) called.error(`error: ${reason}`);
  });
}

/** Why these flags cannot be combined, or undefined if they can. */
function misused({ tlsCert, tlsKey, tlsCa, tlsPeers }: SecurityFlags): string | undefined {
  const files = { '--tls-cert': tlsCert, '--tls-key': tlsKey, '--tls-ca': tlsCa };
  const missing = Object.entries(files).filter(([, path]) => path === undefined);
  if (missing.length > 0 && missing.length < 3) {
    const names = missing.map(([name]) => name).join(' and ');
    return `--tls-cert, --tls-key and --tls-ca belong together: ${names} ${missing.length > 1 ? 'are' : 'is'} missing`;
  }
  if (tlsPeers === undefined) return undefined;
  if (missing.length > 0)
    return '--tls-peers names certificates: give --tls-cert, --tls-key and --tls-ca too';
  const bad = tlsPeers.find((name) => !/^[^\s*]*\*?[^\s*]*$/.test(name) || name === '');
  return bad === undefined
    ? undefined
    : `--tls-peers: ${JSON.stringify(bad)} is not a name; a name may contain one *`;
}

/** The files that the flags name. Undefined if they name neither certificates nor a secret. */
export function securityPaths(flags: SecurityFlags): SecurityPaths | undefined {
  const { tlsCert: cert, tlsKey: key, tlsCa: ca, tlsPeers: peers, secretFile: secret } = flags;
  const tls = cert !== undefined && key !== undefined && ca !== undefined ? { cert, key, ca } : undefined;
  if (tls === undefined && secret === undefined) return undefined;
  return { ...(tls && { tls }), ...(peers && { peers }), ...(secret !== undefined && { secret }) };
}

/** Arguments that give a child process the same credentials. */
export function securityArguments({ tls, peers, secret }: SecurityPaths = {}): string[] {
  const flags: [string, string | undefined][] = [
    ['--tls-cert', tls?.cert],
    ['--tls-key', tls?.key],
    ['--tls-ca', tls?.ca],
    ['--tls-peers', peers?.join(',')],
    ['--secret-file', secret],
  ];
  return flags.flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
}

/**
 * Opens the files. `peers` are the names to accept if the flags give none. Rejects if a file cannot be used. If a file changes later
 * and cannot be used, its earlier content stays in use and `onFailing(true)` is called; once it can be used, `onFailing(false)`.
 */
export function openSecurity(
  { tls, peers: named, secret }: SecurityPaths,
  { peers = [], ...watch }: Pick<OpenCredentialsOptions, 'peers' | 'log' | 'onFailing'>,
): Promise<Credentials> {
  return openCredentials({
    ...(tls && { tls }),
    ...(secret !== undefined && { secret }),
    peers: named ?? peers,
    ...watch,
  });
}

/** Opens the credentials for a command that calls shards. Logs to standard error. Undefined if the flags give none. */
export async function openCommandSecurity(flags: SecurityFlags): Promise<Credentials | undefined> {
  const paths = securityPaths(flags);
  const log = (level: string, message: string) => void process.stderr.write(`${level}: ${message}\n`);
  return paths && (await openSecurity(paths, { log }));
}

/** Why a shard must not listen on `host`. Undefined if `host` is a loopback address or if there are credentials. */
export function exposure(host: string, paths: SecurityPaths | undefined): string | undefined {
  if (isLoopback(host) || paths !== undefined) return undefined;
  return (
    `--host ${host}: anyone who can connect to that address could call this shard. ` +
    'Give --tls-cert, --tls-key and --tls-ca, or --secret-file; docs/operations.md says how to make them. ' +
    'Without them only 127.0.0.1 or ::1 is allowed'
  );
}
