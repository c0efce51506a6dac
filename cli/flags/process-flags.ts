// The flags that gateways and shards share. Imports nothing of the gateway, which would only take memory in a shard.
import { availableParallelism } from 'node:os';
import type { Command, Option } from 'commander';
import { DEFAULT_DEVICE, deviceNames } from '../../model/devices/options.ts';
import { LOG_FORMATS, LOG_LEVELS } from '../terminal/log.ts';
import { flag, integer } from './flags.ts';

export function deviceFlag(): Option {
  return flag('--device <name>', 'Device that runs the model; see docs/devices.md')
    .choices(deviceNames)
    .default(DEFAULT_DEVICE);
}

export function threadsFlag(): Option {
  return flag('--threads <n>', 'Threads of the CPU kernels, 1–64, shared by all models')
    .argParser(integer({ min: 1, max: 64 }))
    .default(availableParallelism(), 'one per core');
}

export function addLogFlags(command: Command): Command {
  return command
    .optionsGroup('Log:')
    .addOption(flag('--log-level <level>', 'Lowest severity to log').choices(LOG_LEVELS).default('info'))
    .addOption(
      flag('--log-format <format>', 'Format of log lines; auto is pretty at a terminal and json elsewhere')
        .choices(LOG_FORMATS)
        .default('auto'),
    );
}
