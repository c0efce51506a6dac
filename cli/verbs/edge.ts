// `expertgrid edge`: relays requests to several gateways, and continues the streams of a gateway that is lost.
import { Command } from 'commander';
import type { Logger } from 'pino';
import { readRegularFile } from '../../base/read-file.ts';
import { type ApiServer, serve } from '../../gateway/api/serve.ts';
import type { AccountsOptions } from '../../infra/edge/accounts/accounts.ts';
import { createNodeEdge, type NodeEdge } from '../../infra/edge/node.ts';
import { onlyRegion, parseRegions, type Region } from '../../infra/edge/regions/regions.ts';
import type { LogEntry } from '../../infra/edge/send.ts';
import { openSqlite } from '../../infra/edge/storage/sqlite.ts';
import { formatAddress, isLoopback } from '../../rpc/address.ts';
import { addEdgeFlags, checkEdgeFlags, type EdgeFlags } from '../edge/edge-flags.ts';
import { watchSecrets } from '../edge-secrets.ts';
import { addLogFlags } from '../flags/process-flags.ts';
import { onSignals } from '../signals.ts';
import { createLogger } from '../terminal/log.ts';

/** Time for writing the errors of requests that were ended by force. */
const LAST_ANSWERS_MS = 1_000;
/** Exit code after a second Ctrl-C. */
const INTERRUPTED = 130;

export function edgeCommand(): Command {
  const command = new Command('edge').description(
    'Relay requests to several gateways, and continue the streams of a gateway that is lost. See docs/edge.md.',
  );
  return addLogFlags(addEdgeFlags(command)).action(runEdge);
}

async function runEdge(flags: EdgeFlags): Promise<void> {
  checkEdgeFlags(flags);
  const { region, host, port, maxBody, bodyMemory, corsOrigin: corsOrigins, edgeSecretFile: path } = flags;
  const begun = performance.now();
  const log = createLogger(flags);
  const secrets = path === undefined ? undefined : await watchSecrets(path, log);
  const secret = secrets && (() => secrets.current()[0]);
  const regions = await readRegions(flags);
  const accounts = await openAccounts(flags, log);
  if (!isLoopback(host) && secret !== undefined && accounts === undefined) {
    log.warn(
      `--host ${host}: anyone who can connect may use the gateways; give their clients keys with --accounts`,
    );
  }
  const edge = createNodeEdge({
    ...{ regions, region, maxBody, bodyMemory, secret, accounts },
    ...(corsOrigins !== undefined && { corsOrigins }),
    coldStartMs: flags.coldStart * 1_000,
    log: (entry) => write(log, entry),
  });
  // Before the first request, which would otherwise look like one that was open.
  const recovered = await edge.recover();
  if (recovered > 0) log.info(`settled ${recovered} requests that were open when the edge ended before`);
  const server = await serve({ app: edge, host, port });
  endOnSignals({ edge, server, graceMs: flags.grace * 1_000, log, close: () => accounts?.database.close() });
  await edge.checked;
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
  const all = regions.flatMap(({ gateways }) => gateways).length;
  const count = `${counted(all, 'gateway')}${regions.length > 1 ? ` in ${counted(regions.length, 'region')}` : ''}`;
  const url = `http://${formatAddress({ host, port: server.port })}`;
  process.stdout.write(`edge ready in ${seconds} s: ${count} at ${url}\n`);
}

async function readRegions({ gateways, regions: path, region }: EdgeFlags): Promise<Region[]> {
  if (path !== undefined) return parseRegions((await readRegularFile(path)).toString(), path);
  return onlyRegion(region, gateways ?? []);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

async function openAccounts({ accounts: path, adminSecretFile }: EdgeFlags, log: Logger) {
  if (path === undefined) return undefined;
  const watched = adminSecretFile === undefined ? undefined : await watchSecrets(adminSecretFile, log);
  const adminSecrets = watched && (() => watched.current());
  return { database: await openSqlite(path), adminSecrets } satisfies AccountsOptions;
}

function write(log: Logger, { level, message, ...fields }: LogEntry): void {
  log[level](fields, message);
}

interface Running {
  edge: NodeEdge;
  server: ApiServer;
  graceMs: number;
  log: Logger;
  close: () => void;
}

/** The first signal refuses new requests and waits for the open ones. A second Ctrl-C ends the process immediately. */
function endOnSignals({ edge, server, graceMs, log, close }: Running): void {
  async function end(): Promise<void> {
    log.info(`draining: open requests have ${graceMs / 1_000} s to end; press Ctrl-C again to end them now`);
    edge.drain();
    server.drain();
    if (!(await server.idle(graceMs))) {
      log.warn(`ending ${server.open} open requests with an error`);
      edge.cut();
      await server.idle(LAST_ANSWERS_MS);
    }
    await server.close(0);
    await edge.settled();
    edge.close();
    close();
    process.exit(0);
  }
  onSignals({ drain: () => void end(), halt: () => process.exit(INTERRUPTED) });
}
