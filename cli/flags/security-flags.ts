// The flags that close the expert plane to strangers, and what they become. Files travel between threads and processes
// as paths; each reads them itself. Knows no verb.
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

/** Plain data, all of it paths and names. */
export interface SecurityPaths {
  tls?: TlsPaths;
  /** Names that a peer's certificate may carry. */
  peers?: readonly string[];
  secret?: string;
}

/** Callers whom a shard lets in unless told otherwise: those whose certificate says that they are one of these. */
export const CALLERS = ['gateway', 'gateway-*', 'gateway.*', 'admin', 'admin-*', 'admin.*'] as const;

export function addSecurityFlags(command: Command): Command {
  return command
    .optionsGroup('Security between gateways and shards:')
    .addOption(inputFlag('--tls-cert <file>', 'Certificate of this process, PEM'))
    .addOption(inputFlag('--tls-key <file>', 'Private key of --tls-cert, PEM'))
    .addOption(
      inputFlag('--tls-ca <file>', 'Certificate of the authority that must have signed both sides, PEM'),
    )
    .addOption(
      flag(
        '--tls-peers <name,…>',
        "Names that the other side's certificate may have, each with at most one *",
      )
        .argParser((text) => text.split(',').map((name) => name.trim()))
        .default(
          undefined,
          `a shard accepts ${CALLERS.join(', ')}; a gateway accepts the name by which it calls the shard`,
        ),
    )
    .addOption(
      inputFlag(
        '--secret-file <file>',
        'Secret that gateways and shards prove to each other, at least 16 bytes',
      ),
    )
    .hook('preAction', (called) => {
      const reason = misused(called.opts<SecurityFlags>());
      if (reason !== undefined) called.error(`error: ${reason}`);
    });
}

/** What is wrong with the flags together, or undefined. */
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
    : `--tls-peers: ${JSON.stringify(bad)} is no name; it may have one * in it`;
}

/** Undefined where neither certificates nor a secret are given. */
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

/** The flags again, for a process that is to have the same. */
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
  /** Allowed if the flags name none. */
  peers?: readonly string[];
  log: SecurityLog;
  /** Told when changed files cannot be used, so that what was read before stays in use, and when they can again. */
  onFailing?: (failing: boolean) => void;
}

/** Rejects, naming the file, if one cannot be used. */
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

/** Why `host` must not be listened on, or undefined where it may: it is this machine's own, or strangers are kept out. */
export function exposure(host: string, paths: SecurityPaths | undefined): string | undefined {
  if (isLoopback(host) || paths !== undefined) return undefined;
  return (
    `--host ${host}: connections are open to whoever reaches that address. ` +
    'Give --tls-cert, --tls-key and --tls-ca, or --secret-file; docs/operations.md says how to make them. ' +
    'Without them only 127.0.0.1 or ::1 is allowed'
  );
}
