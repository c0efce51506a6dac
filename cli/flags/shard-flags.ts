// The flags of `expertgrid shard`.
import type { Command } from 'commander';
import type { Prefetch } from '../../model/devices/cpu/prefetch.ts';
import type { DeviceName } from '../../model/devices/options.ts';
import { MOST_CONNECTIONS } from '../../rpc/socket/server.ts';
import type { LogFlags } from '../terminal/log.ts';
import { addFlags, bytes, flag, integer, LOOPBACK, several, switchFlag } from './flags.ts';
import {
  addLogFlags,
  deviceFlag,
  metricsFlags,
  portFlag,
  prefetchFlag,
  spinFlag,
  threadsFlag,
  zoneFlag,
} from './process-flags.ts';
import { addSecurityFlags, CALLERS, type SecurityFlags } from './security-flags.ts';

const SHARD_PORT = 7001;

export interface ShardFlags extends SecurityFlags, LogFlags {
  /** Directories or URLs. */
  model: string[];
  /** One list of experts for each model. */
  experts?: string[];
  standby: boolean;
  name?: string;
  zone?: string;
  /** A directory. */
  state?: string;
  /** Bytes. */
  memory?: number;
  host: string;
  port: number;
  device: DeviceName;
  threads: number;
  /** Microseconds. */
  spin?: number;
  prefetch?: Prefetch;
  metricsPort?: number;
  metricsHost: string;
  maxConnections: number;
  /** Milliseconds. */
  checkEvery: number;
}

export function addShardFlags(command: Command): Command {
  addExpertFlags(command);
  addAddressFlags(command);
  addMetricsFlags(command);
  return addLogFlags(addSecurityFlags(command, CALLERS.join(', ')));
}

function addExpertFlags(command: Command): Command {
  return addFlags(command, 'Experts:', [
    flag(
      '--model <dir|url>',
      'Directory of a bundle, or a source from which experts are fetched into --state: https://HOST/PATH/, or ' +
        'another shard as shard://HOST:PORT/. Repeat to hold experts of several models',
    )
      .argParser(several)
      .makeOptionMandatory(),
    flag(
      '--experts <list>',
      'Experts to hold. 0-23 names experts 0 to 23 of every layer; 3:17,5:0-11 names expert 17 of layer 3 and ' +
        'experts 0 to 11 of layer 5. Give one list for each --model, in the same order. Required unless --standby or --state is given',
    )
      .argParser(several)
      .default(undefined, 'with --standby, all; with --state, those of the placement'),
    switchFlag(
      '--standby',
      'Serve a bundle of fewer bits as a fallback. Gateways call this shard only for requests that allow lower ' +
        'precision, and only if no replica of full precision is left',
    ),
    flag('--name <name>', 'Name of this shard in placements').default(undefined, 'its host:port'),
    zoneFlag(),
    flag(
      '--state <dir>',
      'Directory in which the placement and fetched experts are kept. At the start, a placement in it replaces --experts',
    ),
    flag('--memory <size>', 'Memory that `expertgrid plan --apply` may fill with experts, such as 4GiB')
      .argParser(bytes)
      .default(undefined, 'as much as the plan needs'),
    deviceFlag(),
    threadsFlag(),
    spinFlag(),
    prefetchFlag(),
    flag(
      '--check-every <ms>',
      "Milliseconds between golden checks. Each check compares one expert's answer with the answer stored in the " +
        'bundle. 0 checks only at the start',
    )
      .argParser(integer())
      .default(1_000),
  ]);
}

function addAddressFlags(command: Command): Command {
  return addFlags(command, 'Connections from gateways:', [
    flag(
      '--host <address>',
      'Address to listen on. Any but a loopback address needs certificates or a secret',
    ).default(LOOPBACK),
    portFlag(SHARD_PORT),
    flag(
      '--max-connections <n>',
      'Most authenticated connections, at least 2. Each gateway uses two for each of its models',
    )
      .argParser(integer({ min: 2 }))
      .default(MOST_CONNECTIONS),
  ]);
}

function addMetricsFlags(command: Command): Command {
  return addFlags(command, 'Metrics:', [...metricsFlags('neither is served')]);
}
