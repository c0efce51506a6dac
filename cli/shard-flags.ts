// The flags of `expertgrid shard`, as they are read and what they become.
import type { Command } from 'commander';
import type { DeviceName } from '../model/devices/open.ts';
import { bytes, flag, integer, port, several } from './flags.ts';
import { deviceFlag, threadsFlag } from './gateway-flags.ts';
import { LOG_LEVELS } from './log.ts';
import { addSecurityFlags, type SecurityFlags } from './security-flags.ts';

export interface ShardFlags extends SecurityFlags {
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
  logLevel: string;
}

export function addShardFlags(command: Command): Command {
  command
    .addOption(
      flag(
        '--model <dir|url>',
        "the bundle's directory, or where to fetch experts from: https://…/ or another shard, shard://host:port/; again for another model",
      )
        .argParser(several)
        .makeOptionMandatory(),
    )
    .addOption(
      flag(
        '--experts <list>',
        '0-23 of every layer; 3:17,5:0-11 as layer:experts (with --standby, all unless given); once for each --model, in their order',
      ).argParser(several),
    )
    .addOption(
      flag(
        '--standby',
        'its copies, of a bundle of lower precision, are asked only when nothing better is left and a request allows it',
      ).default(false),
    )
    .addOption(flag('--name <name>', 'what placements call this shard; host:port unless given'))
    .addOption(
      flag(
        '--state <dir>',
        'keeps the placement that this shard was given, and begins with it; --experts is then only the first one',
      ),
    )
    .addOption(flag('--memory <size>', 'for experts: what expertgrid plan --apply may fill').argParser(bytes))
    .addOption(flag('--host <address>', 'address to listen on').default('127.0.0.1'))
    .addOption(flag('--port <number>', 'port to listen on; 0 takes a free one').argParser(port).default(7001))
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addOption(flag('--metrics-port <number>', 'serve /metrics and /health on this port').argParser(port))
    .addOption(
      flag(
        '--metrics-host <address>',
        'address for these; on others than loopback, anyone may read them',
      ).default('127.0.0.1'),
    )
    .addOption(
      flag(
        '--max-connections <n>',
        'connections at once that are proven; a gateway takes two for each of its models',
      )
        .argParser(integer({ min: 2 }))
        .default(256),
    )
    .addOption(
      flag(
        '--check-every <ms>',
        'every so often one expert is held against its golden answer; 0: at the start only',
      )
        .argParser(integer())
        .default(1_000),
    )
    .addOption(flag('--log-level <level>', 'how much to log').choices(LOG_LEVELS).default('info'));
  return addSecurityFlags(command);
}
