// `expertgrid edge`: relays requests to several gateways, and continues the streams of a gateway that is lost.
import { Command, InvalidArgumentError } from 'commander';
import type { Logger } from 'pino';
import { type ApiServer, serve } from '../../gateway/api/serve.ts';
import { LARGEST_BODY } from '../../infra/edge/app.ts';
import { createNodeEdge, type NodeEdge } from '../../infra/edge/node.ts';
import type { LogEntry } from '../../infra/edge/send.ts';
import { SHORTEST_SECRET } from '../../resume/secrets.ts';
import { formatAddress, isLoopback } from '../../rpc/address.ts';
import { watchSecrets } from '../edge-secrets.ts';
import {
  addFlags,
  bytes,
  commaSeparated,
  flag,
  formatBinary,
  inputFlag,
  integer,
  LOOPBACK,
} from '../flags/flags.ts';
import { addLogFlags, portFlag } from '../flags/process-flags.ts';
import { onSignals } from '../signals.ts';
import { createLogger, type LogFlags } from '../terminal/log.ts';

interface EdgeFlags extends LogFlags {
  /** Origins. */
  gateways: string[];
  /** Path of a file. */
  edgeSecretFile?: string;
  region: string;
  host: string;
  port: number;
  /** Seconds. */
  grace: number;
  maxBody: number;
}

const EDGE_PORT = 8090;
/** Time for writing the errors of requests that were ended by force. */
const LAST_ANSWERS_MS = 1_000;
/** Exit code after a second Ctrl-C. */
const INTERRUPTED = 130;

/** Gateways refuse other names. */
function region(text: string): string {
  if (text.length >= 1 && text.length <= 64) return text;
  throw new InvalidArgumentError('It must have 1 to 64 characters.');
}

export function edgeCommand(): Command {
  const command = new Command('edge').description(
    'Relay requests to several gateways, and continue the streams of a gateway that is lost. See docs/edge.md.',
  );
  return addLogFlags(addEdgeFlags(command)).action(runEdge);
}

function addEdgeFlags(command: Command): Command {
  addFlags(command, 'Gateways:', [
    flag(
      '--gateways <url,…>',
      'Addresses of the gateways, such as https://eu-1.example.com. http:// is allowed only for this machine',
    )
      .argParser(gatewayUrls)
      .makeOptionMandatory(),
    inputFlag(
      '--edge-secret-file <file>',
      'File with the secret that the edge shares with its gateways: the current secret, and below it the previous one if there ' +
        `is one. Each has at least ${SHORTEST_SECRET} characters. Read again when it changes`,
    ).default(undefined, "requests keep the client's API key, and streams cannot be continued"),
    flag('--region <name>', 'Place of this edge, for the logs of gateways; 1–64 characters')
      .argParser(region)
      .default('local'),
  ]);
  return addFlags(command, 'HTTP:', [
    flag('--host <address>', 'Address to listen on').default(LOOPBACK),
    portFlag(EDGE_PORT),
    flag('--max-body <size>', 'Largest body of a request. A larger one is refused with 413')
      .argParser(bytes)
      .default(LARGEST_BODY, formatBinary(LARGEST_BODY)),
    flag(
      '--grace <seconds>',
      'Seconds for open requests to finish after SIGTERM or Ctrl-C, 0–3600. After that they end with an error',
    )
      .argParser(integer({ max: 3600 }))
      .default(10),
  ]);
}

function gatewayUrls(text: string): string[] {
  return [...new Set(commaSeparated(text).map(originOf))];
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new InvalidArgumentError(
      `'${text}' is not the address of a gateway. Give a scheme, a host and, if needed, a port, such as https://eu-1.example.com.`,
    );
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname.replace(/^\[|\]$/g, ''))) {
    throw new InvalidArgumentError(
      `${text} is not on this machine, and over http:// others could read and change its answers. Use https://.`,
    );
  }
  return url.origin;
}

async function runEdge(flags: EdgeFlags): Promise<void> {
  const { gateways, region, host, port, maxBody, edgeSecretFile: path } = flags;
  const begun = performance.now();
  const log = createLogger(flags);
  const secrets = path === undefined ? undefined : await watchSecrets(path, log);
  const secret = secrets && (() => secrets.current()[0]);
  if (!isLoopback(host) && secret !== undefined) {
    log.warn(`--host ${host}: anyone who can connect may use the gateways`);
  }
  const edge = createNodeEdge({ gateways, region, maxBody, secret, log: (entry) => write(log, entry) });
  const server = await serve({ app: edge, host, port });
  await edge.checked;
  endOnSignals({ edge, server, graceMs: flags.grace * 1_000, log });
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
  const count = `${gateways.length} gateway${gateways.length === 1 ? '' : 's'}`;
  const url = `http://${formatAddress({ host, port: server.port })}`;
  process.stdout.write(`edge ready in ${seconds} s: ${count} at ${url}\n`);
}

function write(log: Logger, { level, message, ...fields }: LogEntry): void {
  log[level](fields, message);
}

interface Running {
  edge: NodeEdge;
  server: ApiServer;
  graceMs: number;
  log: Logger;
}

/** The first signal refuses new requests and waits for the open ones. A second Ctrl-C ends the process immediately. */
function endOnSignals({ edge, server, graceMs, log }: Running): void {
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
    edge.close();
    process.exit(0);
  }
  onSignals({ drain: () => void end(), halt: () => process.exit(INTERRUPTED) });
}
