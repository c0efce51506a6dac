// The flags of `expertgrid shard`.
import type { Command } from 'commander';
import type { DeviceName } from '../../model/devices/options.ts';
import { MOST_CONNECTIONS } from '../../rpc/socket/server.ts';
import type { LogFlags } from '../terminal/log.ts';
import { bytes, flag, integer, LOOPBACK, port, several } from './flags.ts';
import { addLogFlags, deviceFlag, threadsFlag } from './process-flags.ts';
import { addSecurityFlags, type SecurityFlags } from './security-flags.ts';

const SHARD_PORT = 7001;

export interface ShardFlags extends SecurityFlags, LogFlags {
  model: string[];
  /** One list of experts for each model. */
  experts?: string[];
  standby: boolean;
  name?: string;
  state?: string;
  memory?: number;
  host: string;
  port: number;
  device: DeviceName;
  threads: number;
  metricsPort?: number;
  metricsHost: string;
  maxConnections: number;
  checkEvery: number;
}

export function addShardFlags(command: Command): Command {
  addExpertFlags(command);
  addAddressFlags(command);
  addMetricsFlags(command);
  return addLogFlags(addSecurityFlags(command));
}

function addExpertFlags(command: Command): Command {
  return command
    .optionsGroup('Experts:')
    .addOption(
      flag(
        '--model <dir|url>',
        "Bundle's directory, or where to fetch experts from into --state: https://…/ or another shard, " +
          'shard://host:port/. Repeat to hold experts of several models',
      )
        .argParser(several)
        .makeOptionMandatory(),
    )
    .addOption(
      flag(
        '--experts <list>',
        'Experts to hold: of every layer, such as 0-23, or as layer:experts, such as 3:17,5:0-11. ' +
          'One list for each --model, in the same order',
      )
        .argParser(several)
        .default(undefined, 'all with --standby; with --state, those of the placement'),
    )
    .addOption(
      flag(
        '--standby',
        'Answer only calls that allow lower precision and have no better replica left; for a bundle of fewer bits',
      ).default(false),
    )
    .addOption(flag('--name <name>', 'Name of this shard in placements').default(undefined, 'its host:port'))
    .addOption(
      flag(
        '--state <dir>',
        'Directory for the placement and for fetched experts. A placement found there replaces --experts at the start',
      ),
    )
    .addOption(
      flag('--memory <size>', 'Memory that `expertgrid plan --apply` may fill with experts, such as 4GiB')
        .argParser(bytes)
        .default(undefined, 'as much as the plan needs'),
    )
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addOption(
      flag(
        '--check-every <ms>',
        'Milliseconds between golden checks of one expert each; 0 checks only at the start',
      )
        .argParser(integer())
        .default(1_000),
    );
}

function addAddressFlags(command: Command): Command {
  return command
    .optionsGroup('Connections from gateways:')
    .addOption(
      flag(
        '--host <address>',
        'Address to listen on; any but loopback needs certificates or a secret',
      ).default(LOOPBACK),
    )
    .addOption(
      flag('--port <number>', 'Port to listen on, 0–65535; 0 takes a free port')
        .argParser(port)
        .default(SHARD_PORT),
    )
    .addOption(
      flag(
        '--max-connections <n>',
        'Most authenticated connections, at least 2; a gateway uses two for each of its models',
      )
        .argParser(integer({ min: 2 }))
        .default(MOST_CONNECTIONS),
    );
}

function addMetricsFlags(command: Command): Command {
  return command
    .optionsGroup('Metrics:')
    .addOption(
      flag('--metrics-port <number>', 'Port for /metrics and /health, 0–65535; 0 takes a free port')
        .argParser(port)
        .default(undefined, 'neither is served'),
    )
    .addOption(
      flag(
        '--metrics-host <address>',
        'Address for --metrics-port; anyone who can connect to it may read the metrics',
      ).default(LOOPBACK),
    );
}
