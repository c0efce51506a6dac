// The flags that say who may call the API and what is recorded of each call, and the options that they become.
import { type Command, InvalidArgumentError } from 'commander';
import type { Logger } from 'pino';
import type { ApiOptions } from '../../gateway/api/shared.ts';
import { parseKeys } from '../../gateway/api/tenants/keys.ts';
import { MOST_WAITING, openUsageLog, type UsageLog } from '../../gateway/api/tenants/usage-log.ts';
import { Warnings } from '../../gateway/api/warnings.ts';
import { fileWarning, watchFile } from '../../infra/discovery/watch-file.ts';
import { isLoopback } from '../../rpc/address.ts';
import { flag, inputFlag, several } from './flags.ts';

export interface AccessFlags {
  /** A file. */
  apiKeys?: string;
  sharedPrefix: boolean;
  corsOrigin?: string[];
  allowedHosts?: string[];
  /** A file. */
  usageLog?: string;
  usageLogRequired: boolean;
}

export function addAccessFlags(command: Command): Command {
  return command
    .optionsGroup('Access:')
    .addOption(
      inputFlag(
        '--api-keys <file>',
        'File of the API keys that callers need, made by `expertgrid key create`; read again when it changes',
      ).default(undefined, 'no key is needed'),
    )
    .addOption(
      flag(
        '--shared-prefix',
        'Share cached prompts between API keys. Faster, but one tenant can find out what another has asked',
      ).default(false),
    )
    .addOption(
      flag(
        '--cors-origin <origin>',
        'Origin of web pages that may call from a browser, such as https://app.example.com, or * for all. Repeatable',
      )
        .argParser(origins)
        .default(undefined, 'none'),
    )
    .addOption(
      flag(
        '--allowed-hosts <name,…>',
        'Names to accept in the Host header besides loopback addresses, *.localhost and names without a dot. ' +
          '*.example.com accepts all names below it, and * all names',
      )
        .argParser(hostNames)
        .default(undefined, 'none if --host is a loopback address, otherwise all'),
    )
    .addOption(
      flag(
        '--usage-log <file>',
        'File to append one line of JSON to for what each request used; after a rename, a new file is created',
      ).default(undefined, 'none'),
    )
    .addOption(
      flag(
        '--usage-log-required',
        `Refuse requests with 503 while --usage-log cannot be written. Without it, up to ${MOST_WAITING.toLocaleString('en')} lines wait in memory`,
      ).default(false),
    )
    .hook('preAction', (called) => {
      const { usageLog, usageLogRequired } = called.opts<AccessFlags>();
      if (usageLogRequired && usageLog === undefined) {
        called.error('error: --usage-log-required: give --usage-log too');
      }
    });
}

export type AccessOptions = Pick<
  ApiOptions,
  'access' | 'corsOrigins' | 'hosts' | 'onUsage' | 'usageLog' | 'usageRequired'
> & {
  warnings: Warnings;
};

/** Rejects if a file cannot be used. */
export async function openAccess(
  {
    apiKeys: path,
    sharedPrefix,
    corsOrigin: corsOrigins = [],
    allowedHosts,
    usageLog,
    usageLogRequired,
    host,
  }: AccessFlags & { host: string },
  log: Logger,
): Promise<AccessOptions> {
  const warnings = new Warnings();
  const usage = usageLog === undefined ? undefined : openUsage(usageLog, { log, warnings });
  const hosts = { loopback: isLoopback(host), ...(allowedHosts && { allowed: allowedHosts }) };
  const logged = usage && { onUsage: usage.write, usageLog: usage, usageRequired: usageLogRequired };
  const rest = { corsOrigins, hosts, warnings, ...logged };
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
  const names = text.split(',').map((name) => name.trim().toLowerCase());
  const wrong = names.find((name) => !/^(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/.test(name));
  if (wrong === undefined) return names;
  throw new InvalidArgumentError(
    `'${wrong}' is not a host name. Give names without scheme and port, such as gateway.example.com or *.example.com.`,
  );
}

function origins(text: string, before?: readonly string[]): string[] {
  return [...(before ?? []), ...several(text).map(originOf)];
}

/** The origin as browsers send it, because any other text would never match. */
function originOf(text: string): string {
  if (text === '*') return text;
  const origin = URL.canParse(text) ? new URL(text).origin : undefined;
  if (origin === text.replace(/\/$/, '') && origin !== 'null') return origin;
  throw new InvalidArgumentError(
    `'${text}' is not an origin. Give a scheme, a host and, unless it is the usual one, a port, such as https://app.example.com.`,
  );
}
