// The flags for access to the API and for the usage log, and the API options made from these flags.
import { type Command, InvalidArgumentError, type Option } from 'commander';
import type { Logger } from 'pino';
import type { Secrets } from '../../gateway/api/resume/seal.ts';
import type { ApiOptions } from '../../gateway/api/shared.ts';
import { parseKeys } from '../../gateway/api/tenants/keys.ts';
import { MOST_WAITING, openUsageLog, type UsageLog } from '../../gateway/api/tenants/usage-log.ts';
import { Warnings } from '../../gateway/api/warnings.ts';
import { fileWarning, watchFile } from '../../infra/discovery/watch-file.ts';
import { isLoopback } from '../../rpc/address.ts';
import { watchSecrets } from '../edge-secrets.ts';
import { addFlags, commaSeparated, flag, inputFlag, several, switchFlag } from './flags.ts';

export interface AccessFlags {
  /** Path of a file. */
  apiKeys?: string;
  /** Path of a file. */
  edgeSecretFile?: string;
  edgeOnly: boolean;
  sharedPrefix: boolean;
  corsOrigin?: string[];
  allowedHosts?: string[];
  /** Path of a file. */
  usageLog?: string;
  usageLogRequired: boolean;
}

export function corsOriginFlag(): Option {
  return flag(
    '--cors-origin <origin>',
    'Origin of web pages that may call the API from a browser, such as https://app.example.com, or * for all. Repeatable',
  )
    .argParser(origins)
    .default(undefined, 'none');
}

export function addAccessFlags(command: Command): Command {
  return addFlags(command, 'Access:', [
    inputFlag(
      '--api-keys <file>',
      'File of API keys that callers may use. `expertgrid key create` adds keys to it. Read again when it changes',
    ).default(undefined, 'callers need no key'),
    inputFlag(
      '--edge-secret-file <file>',
      'File with the secret that the edge shares with its gateways, of at least 32 characters; a second line may have the ' +
        'previous secret. Requests that are signed with it need no API key, and their streams continue on another gateway ' +
        'if this one ends; see docs/resume.md. Read again when it changes',
    ).default(undefined, 'no caller is trusted'),
    switchFlag(
      '--edge-only',
      'Refuse requests that are not signed with the secret of --edge-secret-file, which it needs. Health checks need no signature',
    ),
    switchFlag(
      '--shared-prefix',
      'Let API keys share cached prompts. This is faster, but one tenant can find out what another has asked',
    ),
    corsOriginFlag(),
    flag(
      '--allowed-hosts <name,…>',
      'Names to accept in the Host header, besides loopback addresses, *.localhost and names without a dot. ' +
        '*.example.com accepts every name below example.com; * accepts every name',
    )
      .argParser(hostNames)
      .default(undefined, 'none if --host is a loopback address, otherwise every name'),
    flag(
      '--usage-log <file>',
      'File for the usage of each request, one line of JSON each. If the file is renamed, a new file is created',
    ).default(undefined, 'no file'),
    switchFlag(
      '--usage-log-required',
      `Refuse requests with 503 while the file of --usage-log cannot be written. Without this flag, up to ${MOST_WAITING.toLocaleString('en')} lines wait in memory; beyond that the oldest are lost`,
    ),
  ]).hook('preAction', (called) => {
    const { usageLog, usageLogRequired, edgeOnly, edgeSecretFile, apiKeys } = called.opts<AccessFlags>();
    if (edgeOnly && edgeSecretFile === undefined) {
      called.error('error: --edge-only: give --edge-secret-file too');
    }
    if (edgeOnly && apiKeys !== undefined) {
      called.error('error: --edge-only: no API key would be valid, so leave out --api-keys');
    }
    if (usageLogRequired && usageLog === undefined) {
      called.error('error: --usage-log-required: give --usage-log too');
    }
  });
}

export type AccessOptions = Pick<
  ApiOptions,
  'access' | 'callerSecrets' | 'corsOrigins' | 'hosts' | 'onUsage' | 'usageLog' | 'usageRequired'
> & {
  warnings: Warnings;
};

/** Opens the files of the flags. Rejects if one cannot be used. */
export async function openAccess(flags: AccessFlags & { host: string }, log: Logger): Promise<AccessOptions> {
  const { apiKeys: path, sharedPrefix, corsOrigin: corsOrigins = [], allowedHosts, usageLog, host } = flags;
  const warnings = new Warnings();
  const usage = usageLog === undefined ? undefined : openUsage(usageLog, { log, warnings });
  const hosts = { loopback: isLoopback(host), ...(allowedHosts && { allowed: allowedHosts }) };
  const logged = usage && { onUsage: usage.write, usageLog: usage, usageRequired: flags.usageLogRequired };
  const callerSecrets = await openSecrets(flags.edgeSecretFile, { log, warnings });
  const rest = { corsOrigins, hosts, warnings, ...logged, ...(callerSecrets && { callerSecrets }) };
  if (flags.edgeOnly) return { ...rest, access: { keys: () => [], sharedPrefix, edgeOnly: true } };
  if (path === undefined) {
    if (!isLoopback(host))
      log.warn(`--host ${host} without --api-keys: anyone who can connect may use the API`);
    return rest;
  }
  const keys = await watchFile({
    path,
    parse: (text) => parseKeys(text, path),
    what: 'API keys',
    format: (all) => `${all.length} of them`,
    log,
  });
  warnings.watch('api_keys', fileWarning('--api-keys', keys.failing));
  if (keys.current().length === 0) log.warn(`${path} has no keys: every request is refused`);
  return { ...rest, access: { keys: keys.current, sharedPrefix } };
}

async function openSecrets(
  path: string | undefined,
  { log, warnings }: { log: Logger; warnings: Warnings },
): Promise<Secrets | undefined> {
  if (path === undefined) return undefined;
  const secrets = await watchSecrets(path, log);
  warnings.watch('edge_secrets', fileWarning('--edge-secret-file', secrets.failing));
  return secrets.current;
}

function openUsage(path: string, { log, warnings }: { log: Logger; warnings: Warnings }): UsageLog {
  const usage = openUsageLog(path, {
    onError: (message) => log.error(message),
    onRecovered: (message) => log.info(message),
  });
  warnings.watch('usage_log', () => {
    const { waiting, lost } = usage;
    if (waiting === 0 && lost === 0) return undefined;
    return `The file of --usage-log cannot be written: ${waiting} lines are waiting and ${lost} were lost. The log says why.`;
  });
  process.once('exit', () => usage.close());
  return usage;
}

function hostNames(text: string): string[] {
  const names = commaSeparated(text.toLowerCase());
  const wrong = names.find((name) => !/^(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/.test(name));
  if (wrong === undefined) return names;
  throw new InvalidArgumentError(
    `'${wrong}' is not a host name. Give names without scheme and port, such as gateway.example.com or *.example.com.`,
  );
}

function origins(text: string, before?: readonly string[]): string[] {
  return [...(before ?? []), ...several(text).map(originOf)];
}

/** Accepts only the form in which browsers send an origin, because any other form would match no request. */
function originOf(text: string): string {
  if (text === '*') return text;
  const origin = URL.canParse(text) ? new URL(text).origin : undefined;
  if (origin === text.replace(/\/$/, '') && origin !== 'null') return origin;
  throw new InvalidArgumentError(
    `'${text}' is not an origin. Give a scheme, a host and, unless it is the scheme's default, a port, such as https://app.example.com.`,
  );
}
