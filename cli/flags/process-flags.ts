// The flags that gateways and shards share. Imports no module of the gateway, because a shard would load that module without need.
import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { type Prefetch, parsePrefetch } from '../../model/devices/cpu/prefetch.ts';
import { DEFAULT_DEVICE, deviceNames } from '../../model/devices/options.ts';
import { LOG_FORMATS, LOG_LEVELS } from '../terminal/log.ts';
import { addFlags, flag, integer, LOOPBACK, port } from './flags.ts';

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

export function spinFlag(): Option {
  return flag(
    '--spin <µs>',
    'How long an idle thread of the CPU kernels looks for work before it sleeps. 0 suits a shard that shares its cores ' +
      'with a gateway or with other shards',
  )
    .argParser(integer({ max: 1_000_000 }))
    .default(undefined, '500');
}

export function zoneFlag(): Option {
  return flag(
    '--zone <name>',
    'Where this process runs, such as eu. A gateway calls shards of its own zone, and shards of other zones only for ' +
      'experts that no shard of its own zone serves',
  )
    .argParser(zone)
    .default(undefined, 'near to every zone');
}

function zone(text: string): string {
  if (/^[\w.-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError('It must have 1 to 64 letters, digits, dots, hyphens or underscores.');
}

export function prefetchFlag(): Option {
  return flag(
    '--prefetch <hint>',
    'How the CPU kernels prefetch weights: none, or t0, t1, t2 or nta with a distance of 0–65536 bytes, such as t0:4096. ' +
      'Changes the speed only; see docs/kernels.md',
  )
    .argParser(prefetch)
    .default(undefined, 'measured at the first start on each kind of processor');
}

function prefetch(text: string): Prefetch {
  const parsed = parsePrefetch(text);
  if (parsed !== undefined) return parsed;
  throw new InvalidArgumentError('It must be none, or a hint and a distance such as t0:4096.');
}

export function portFlag(standard: number): Option {
  return flag('--port <number>', 'Port to listen on, 0–65535; 0 picks a free port')
    .argParser(port)
    .default(standard);
}

/** `otherwise` describes what happens without the flags. */
export function metricsFlags(otherwise: string): Option[] {
  return [
    flag('--metrics-port <number>', 'Port for /metrics and /health, 0–65535; 0 picks a free port')
      .argParser(port)
      .default(undefined, otherwise),
    flag(
      '--metrics-host <address>',
      'Address for --metrics-port. Anyone who can connect to it may read the metrics',
    ).default(LOOPBACK),
  ];
}

export function addLogFlags(command: Command): Command {
  return addFlags(command, 'Log:', [
    flag('--log-level <level>', 'Lowest severity that is logged').choices(LOG_LEVELS).default('info'),
    flag('--log-format <format>', 'Format of log lines; auto means pretty at a terminal and json elsewhere')
      .choices(LOG_FORMATS)
      .default('auto'),
  ]);
}
