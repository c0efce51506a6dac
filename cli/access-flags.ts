// The flags that say who may call the API and what is noted of it, and what they become. Knows no verb.
import { type Command, InvalidArgumentError } from 'commander';
import type { Logger } from 'pino';
import type { ApiOptions } from '../gateway/api/app.ts';
import { parseKeys } from '../gateway/api/keys.ts';
import { openUsageLog } from '../gateway/api/usage-log.ts';
import { isLoopback } from '../rpc/address.ts';
import { flag, several } from './flags.ts';
import { watchFile } from './watch-file.ts';

export interface AccessFlags {
  /** A file. */
  apiKeys?: string;
  sharedPrefix: boolean;
  corsOrigin?: string[];
  allowedHosts?: string[];
  /** A file. */
  usageLog?: string;
}

export function addAccessFlags(command: Command): Command {
  return command
    .addOption(
      flag(
        '--api-keys <file>',
        'keys that callers need, made by `expertgrid key create`; watched (default: everyone may call)',
      ),
    )
    .addOption(
      flag(
        '--shared-prefix',
        'let callers with different keys find the same prompts in the cache: faster, and each can tell what others have asked',
      ).default(false),
    )
    .addOption(
      flag(
        '--cors-origin <origin>',
        'web page that may call from a browser, https://app.example.com, or * for all; may be given again (default: none)',
      ).argParser(several),
    )
    .addOption(
      flag(
        '--allowed-hosts <name,…>',
        'names that the Host header may have, beside *.localhost, 127.0.0.0/8, ::1 and names without a dot; *.example.com allows all names below it, * all names (default: none on a loopback address, all names on another)',
      ).argParser(hostNames),
    )
    .addOption(
      flag(
        '--usage-log <file>',
        'append what each request used, a line of JSON each; rename the file and a new one is begun',
      ),
    );
}

export type AccessOptions = Pick<ApiOptions, 'access' | 'corsOrigins' | 'hosts' | 'onUsage'>;

/** Rejects where a file cannot be used or an origin is none. */
export async function openAccess(
  {
    apiKeys: path,
    sharedPrefix,
    corsOrigin = [],
    allowedHosts,
    usageLog,
    host,
  }: AccessFlags & { host: string },
  log: Logger,
): Promise<AccessOptions> {
  const corsOrigins = corsOrigin.map(originOf);
  const usage =
    usageLog === undefined ? undefined : openUsageLog(usageLog, { onError: (message) => log.error(message) });
  const hosts = { loopback: isLoopback(host), ...(allowedHosts && { allowed: allowedHosts }) };
  const rest = { corsOrigins, hosts, ...(usage && { onUsage: usage.write }) };
  if (path === undefined) {
    if (!isLoopback(host)) log.warn(`--host ${host} without --api-keys: whoever reaches it may use the API`);
    return rest;
  }
  const keys = await watchFile({
    path,
    parse: (text) => parseKeys(text, path),
    what: 'API keys',
    format: (all) => `${all.length} of them`,
    log,
  });
  if (keys.current().length === 0) log.warn(`${path} has no keys: every request will be refused`);
  return { ...rest, access: { keys: keys.current, sharedPrefix } };
}

function hostNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim().toLowerCase());
  const wrong = names.find((name) => !/^(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/.test(name));
  if (wrong === undefined) return names;
  throw new InvalidArgumentError(
    `'${wrong}' is no host name. Give names without scheme and port, such as gateway.example.com or *.example.com.`,
  );
}

/** As browsers send it. Throws where it is none: it would never match. */
function originOf(text: string): string {
  if (text === '*') return text;
  const origin = URL.canParse(text) ? new URL(text).origin : undefined;
  if (origin === text.replace(/\/$/, '') && origin !== 'null') return origin;
  throw new Error(
    `--cors-origin ${text}: an origin is a scheme, a host and a port if not the usual: https://app.example.com`,
  );
}
