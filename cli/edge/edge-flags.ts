// The flags of `expertgrid edge`.
import { type Command, InvalidArgumentError } from 'commander';
import { LARGEST_BODY } from '../../infra/edge/app.ts';
import { LONGEST_COLD_START_S } from '../../infra/edge/gateways/cold-start.ts';
import { BODY_MEMORY } from '../../infra/edge/node.ts';
import { SHORTEST_SECRET } from '../../resume/secrets.ts';
import { corsOriginFlag } from '../flags/access-flags.ts';
import {
  addFlags,
  bytes,
  commaSeparated,
  flag,
  formatBinary,
  inputFlag,
  integer,
  LOOPBACK,
  UsageError,
} from '../flags/flags.ts';
import { portFlag } from '../flags/process-flags.ts';
import type { LogFlags } from '../terminal/log.ts';
import { originOf } from './origin.ts';

export interface EdgeFlags extends LogFlags {
  /** Origins. */
  gateways?: string[];
  /** Path of a file. */
  regions?: string;
  /** Path of a file. */
  edgeSecretFile?: string;
  /** Path of a file. */
  accounts?: string;
  /** Path of a file. */
  adminSecretFile?: string;
  region: string;
  corsOrigin?: string[];
  host: string;
  port: number;
  /** Seconds. */
  grace: number;
  maxBody: number;
  /** Bytes. */
  bodyMemory: number;
  /** Seconds. */
  coldStart: number;
}

export const EDGE_PORT = 8090;

/** Gateways refuse other names. */
function region(text: string): string {
  if (text.length >= 1 && text.length <= 64) return text;
  throw new InvalidArgumentError('It must have 1 to 64 characters.');
}

export function addEdgeFlags(command: Command): Command {
  addFlags(command, 'Gateways:', [
    flag(
      '--gateways <url,…>',
      'Addresses of the gateways, such as https://eu-1.example.com. http:// is allowed only for this machine',
    ).argParser(gatewayUrls),
    inputFlag(
      '--regions <file>',
      'JSON file of the regions with their gateways, instead of --gateways; see docs/edge.md',
    ),
    inputFlag(
      '--edge-secret-file <file>',
      'File with the secret that the edge shares with its gateways: the current secret, and below it the previous one if there ' +
        `is one. Each has at least ${SHORTEST_SECRET} characters. Read again when it changes`,
    ).default(undefined, "requests keep the client's API key, and streams cannot be continued"),
    flag('--region <name>', 'Name of the region of this edge, and of all --gateways; 1–64 characters')
      .argParser(region)
      .default('local'),
    flag(
      '--cold-start <seconds>',
      'Seconds for which a request waits while no gateway is ready, for cells that are scaled to zero, ' +
        `0–${LONGEST_COLD_START_S}; see docs/deploy.md`,
    )
      .argParser(integer({ max: LONGEST_COLD_START_S }))
      .default(0),
  ]);
  addFlags(command, 'Accounts:', [
    flag(
      '--accounts <file>',
      'SQLite file of API keys; made if it does not exist. Needs --edge-secret-file. See expertgrid key --help',
    ).default(undefined, 'everybody who can connect may use the gateways'),
    inputFlag(
      '--admin-secret-file <file>',
      `File with the secret of operators, for expertgrid key --edge; at least ${SHORTEST_SECRET} characters. A second line may have ` +
        'the previous secret. Needs --accounts. Read again when it changes',
    ).default(undefined, "the operators' API at /admin is off"),
  ]);
  return addFlags(command, 'HTTP:', [
    flag('--host <address>', 'Address to listen on').default(LOOPBACK),
    portFlag(EDGE_PORT),
    corsOriginFlag(),
    flag('--max-body <size>', 'Largest body of a request. A larger one is refused with 413')
      .argParser(bytes)
      .default(LARGEST_BODY, formatBinary(LARGEST_BODY)),
    flag(
      '--body-memory <size>',
      'Memory for the bodies of all open requests. While it is used up, requests are refused with 503',
    )
      .argParser(bytes)
      .default(BODY_MEMORY, formatBinary(BODY_MEMORY)),
    flag(
      '--grace <seconds>',
      'Seconds for open requests to finish after SIGTERM or Ctrl-C, 0–3600. After that they end with an error',
    )
      .argParser(integer({ max: 3600 }))
      .default(10),
  ]);
}

function gatewayUrls(text: string): string[] {
  return [...new Set(commaSeparated(text).map((each) => originOf(each, 'a gateway')))];
}

/** Throws if flags contradict each other. */
export function checkEdgeFlags({
  gateways,
  regions,
  accounts,
  adminSecretFile,
  edgeSecretFile,
}: EdgeFlags): void {
  if ((gateways === undefined) === (regions === undefined)) {
    throw new UsageError(
      'give the addresses of the gateways: either --gateways, or --regions for several regions',
    );
  }
  if (accounts !== undefined && edgeSecretFile === undefined) {
    throw new UsageError(
      '--accounts needs --edge-secret-file, so that the gateways trust the edge to check its clients',
    );
  }
  if (adminSecretFile !== undefined && accounts === undefined) {
    throw new UsageError('--admin-secret-file needs --accounts');
  }
}
