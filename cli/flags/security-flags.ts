// The flags for TLS and the shared secret between gateways and shards, and the options that they become. Threads and processes pass
// the paths on, and each reads the files itself.
import type { Command } from 'commander';
import { isLoopback } from '../../rpc/address.ts';
import type { TlsPaths } from '../../rpc/security/credential-files.ts';
import { type Credentials, openCredentials } from '../../rpc/security/credentials.ts';
import { flag, inputFlag } from './flags.ts';

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
  secret?: string;
}

/** Names in a caller's certificate that a shard accepts by default. */
export const CALLERS = ['gateway', 'gateway-*', 'gateway.*', 'admin', 'admin-*', 'admin.*'] as const;

export function addSecurityFlags(command: Command): Command {
  return command
    .optionsGroup('Security between gateways and shards:')
    .addOption(inputFlag('--tls-cert <file>', 'Certificate of this process, in PEM'))
    .addOption(inputFlag('--tls-key <file>', 'Private key of --tls-cert, in PEM'))
    .addOption(
      inputFlag(
        '--tls-ca <file>',
        "Certificate of the authority that signed both sides' certificates, in PEM",
      ),
    )
    .addOption(
      flag('--tls-peers <name,…>', "Names to accept in the other side's certificate, each with at most one *")
        .argParser((text) => text.split(',').map((name) => name.trim()))
        .default(
          undefined,
          `a shard accepts ${CALLERS.join(', ')}; a gateway accepts the name under which it calls the shard`,
        ),
    )
    .addOption(
      inputFlag(
        '--secret-file <file>',
        'File with the secret that gateways and shards share, at least 16 bytes',
      ),
    )
    .hook('preAction', (called) => {
      const reason = misused(called.opts<SecurityFlags>());
      if (reason !== undefined) called.error(`error: ${reason}`);
    });
}

/** Why the flags do not go together, or undefined. */
export function misused({ tlsCert, tlsKey, tlsCa, tlsPeers }: SecurityFlags): string | undefined {
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

/** Undefined if neither certificates nor a secret are given. */
export function securityPaths({
  tlsCert,
  tlsKey,
  tlsCa,
  tlsPeers,
  secretFile,
}: SecurityFlags): SecurityPaths | undefined {
  const tls =
    tlsCert !== undefined && tlsKey !== undefined && tlsCa !== undefined
      ? { cert: tlsCert, key: tlsKey, ca: tlsCa }
      : undefined;
  if (tls === undefined && secretFile === undefined) return undefined;
  return {
    ...(tls && { tls }),
    ...(tlsPeers && { peers: tlsPeers }),
    ...(secretFile !== undefined && { secret: secretFile }),
  };
}

/** The flags as arguments, for a child process with the same credentials. */
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

export type SecurityLog = (level: 'info' | 'warn' | 'error', message: string) => void;

export interface OpenSecurityOptions {
  /** Names to accept if the flags give none. */
  peers?: readonly string[];
  log: SecurityLog;
  /** Called with true when changed files cannot be used and the earlier content stays in use; with false when they can again. */
  onFailing?: (failing: boolean) => void;
}

/** Rejects with an error that names the file if one cannot be used. */
export function openSecurity(
  { tls, peers: named, secret }: SecurityPaths,
  { peers = [], log, onFailing }: OpenSecurityOptions,
): Promise<Credentials> {
  return openCredentials({
    ...(tls && { tls }),
    ...(secret !== undefined && { secret }),
    peers: named ?? peers,
    log,
    ...(onFailing && { onFailing }),
  });
}

/** Why a shard must not listen on `host`; undefined if it may: on loopback, or with credentials. */
export function exposure(host: string, paths: SecurityPaths | undefined): string | undefined {
  if (isLoopback(host) || paths !== undefined) return undefined;
  return (
    `--host ${host}: anyone who can connect to that address could call this shard. ` +
    'Give --tls-cert, --tls-key and --tls-ca, or --secret-file; docs/operations.md says how to make them. ' +
    'Without them only 127.0.0.1 or ::1 is allowed'
  );
}
