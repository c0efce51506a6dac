// The flags of `expertgrid shard`, as they are read and what they become.
import type { Command } from 'commander';
import type { DeviceName } from '../../model/devices/options.ts';
import type { LogFlags } from '../terminal/log.ts';
import { bytes, flag, integer, port, several } from './flags.ts';
import { addLogFlags, deviceFlag, threadsFlag } from './process-flags.ts';
import { addSecurityFlags, type SecurityFlags } from './security-flags.ts';

export interface ShardFlags extends SecurityFlags, LogFlags {
  model: string[];
  /** Of each model. */
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
        "Bundle's directory, or where to fetch experts from into --state: https://…/, or another shard, " +
          'shard://host:port/. Repeat it to hold experts of several models',
      )
        .argParser(several)
        .makeOptionMandatory(),
    )
    .addOption(
      flag(
        '--experts <list>',
        'Experts to hold: 0-23 of every layer, or 3:17,5:0-11 as layer:experts. ' +
          'One list for each --model, in the same order',
      )
        .argParser(several)
        .default(undefined, 'all with --standby; with --state those that a placement gives'),
    )
    .addOption(
      flag(
        '--standby',
        'Answer calls only if nothing better is left and the request allows it; for a bundle of fewer bits',
      ).default(false),
    )
    .addOption(flag('--name <name>', 'Name of this shard in placements').default(undefined, 'its host:port'))
    .addOption(
      flag(
        '--state <dir>',
        'Directory that keeps the placement and what was fetched. A kept placement replaces --experts at the next start',
      ),
    )
    .addOption(
      flag('--memory <size>', 'Memory for experts that `expertgrid plan --apply` may fill, such as 4GiB')
        .argParser(bytes)
        .default(undefined, 'as much as the plan needs'),
    )
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addOption(
      flag(
        '--check-every <ms>',
        'Time between two golden checks of one expert each, in ms; 0 checks at the start only',
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
        'Address to listen on; others than loopback need certificates or a secret',
      ).default('127.0.0.1'),
    )
    .addOption(
      flag('--port <number>', 'Port to listen on, 0–65535; 0 takes a free port')
        .argParser(port)
        .default(7001),
    )
    .addOption(
      flag(
        '--max-connections <n>',
        'Most authenticated connections at once, at least 2; a gateway takes two for each of its models',
      )
        .argParser(integer({ min: 2 }))
        .default(256),
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
        'Address for --metrics-port; on others than loopback, anyone may read the metrics',
      ).default('127.0.0.1'),
    );
}
