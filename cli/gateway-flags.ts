// The flags that `up` and `gateway` share, and what they become.
import { availableParallelism } from 'node:os';
import type { Command, Option } from 'commander';
import { type ConnectionLimits, defaultConnections } from '../gateway/api/serve.ts';
import { engineDefaults } from '../gateway/engine/engine-options.ts';
import { DEVICES, type DeviceName } from '../model/devices/open.ts';
import { type CallPolicy, defaultPolicy } from '../router/fleet.ts';
import { type Rung, rungs } from '../router/ladder.ts';
import { type AccessFlags, addAccessFlags } from './access-flags.ts';
import type { EngineThreadData } from './engine-thread.ts';
import { bytes, flag, integer, port, several, share, shareOrNone } from './flags.ts';
import { LOG_LEVELS } from './log.ts';
import { addSecurityFlags, type SecurityFlags } from './security-flags.ts';

export interface GatewayFlags extends SecurityFlags, AccessFlags {
  /** Each a bundle's directory, or `NAME=DIR`. */
  model?: string[];
  /** Each `NAME=MODEL:WEIGHT,…`. */
  alias?: string[];
  /** A file. */
  aliases?: string;
  host: string;
  port: number;
  /** Seconds. */
  keepAlive: number;
  maxIdleConnections: number;
  context?: number;
  maxSequences: number;
  maxWaiting: number;
  kvMemory: number;
  prefillRows: number;
  prefillShare: number;
  callDeadline: number;
  device: DeviceName;
  threads: number;
  speculate: boolean;
  hedgeBudget: number;
  audit: number;
  patience?: number;
  degrade: Rung | 'none';
  logLevel: string;
}

export function deviceFlag(): Option {
  return flag(
    '--device <name>',
    "what computes: this machine's CPU, ONNX Runtime on it, or a GPU (docs/devices.md)",
  )
    .choices(DEVICES)
    .default('cpu');
}

export function threadsFlag(): Option {
  return flag('--threads <n>', 'threads of the CPU kernels, however many models they serve')
    .argParser(integer({ min: 1, max: 64 }))
    .default(availableParallelism(), 'one a core');
}

export function addGatewayFlags(command: Command): Command {
  const atLeastOne = integer({ min: 1 });
  command
    .addOption(
      flag(
        '--model <dir>',
        'a bundle to serve, called like its directory, or NAME=DIR; given again, models are served side by side (default: nano, the embedded one)',
      ).argParser(several),
    )
    .addOption(
      flag(
        '--alias <name=model:weight,…>',
        'a name that stands for models, each request drawing one; may be given again',
      ).argParser(several),
    )
    .addOption(
      flag(
        '--aliases <file>',
        'or a JSON file of them, which is watched: {"chat": {"nano": 90, "nano-v2": 10}}',
      ),
    )
    .addOption(flag('--host <address>', 'address to listen on').default('127.0.0.1'))
    .addOption(flag('--port <number>', 'port to listen on; 0 takes a free one').argParser(port).default(8080))
    .addOption(
      flag('--keep-alive <seconds>', 'time that an idle connection is kept open, 1 to 3600')
        .argParser(integer({ min: 1, max: 3600 }))
        .default(defaultConnections.keepAliveMs / 1000),
    )
    .addOption(
      flag(
        '--max-idle-connections <n>',
        'connections without a request that are kept open, at least 1; beyond, the one that has been idle longest is closed',
      )
        .argParser(atLeastOne)
        .default(defaultConnections.idle),
    )
    .addOption(
      flag(
        '--context <tokens>',
        "most tokens of prompt and answer together (default: the model's)",
      ).argParser(atLeastOne),
    )
    .addOption(
      flag('--max-sequences <n>', 'answers generated at once, of each model')
        .argParser(atLeastOne)
        .default(engineDefaults.maxSequences),
    )
    .addOption(
      flag('--max-waiting <n>', 'requests that may wait, of each model; more are refused with 429')
        .argParser(integer())
        .default(engineDefaults.maxWaiting),
    )
    .addOption(
      flag('--kv-memory <size>', 'memory for keys and values, shared out evenly among the models')
        .argParser(bytes)
        .default(engineDefaults.kvMemory, '2GiB'),
    )
    .addOption(
      flag(
        '--prefill-share <share>',
        'of the time, what prompts may take while others generate: more is faster for prompts, less is smoother for the others',
      )
        .argParser(share)
        .default(engineDefaults.prefillShare),
    )
    .addOption(
      flag('--prefill-rows <n>', 'prompt tokens computed in one step, at most')
        .argParser(integer({ min: 4 }))
        .default(engineDefaults.prefillRows),
    )
    .addOption(
      flag('--call-deadline <ms>', 'an expert call must be answered within this')
        .argParser(atLeastOne)
        .default(engineDefaults.callDeadlineMs),
    )
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addOption(
      flag('--speculate', 'guess tokens from the text so far and verify several in one step').default(false),
    )
    .addOption(
      flag(
        '--hedge-budget <share>',
        'of the expert calls, how many may go to a second shard because the first is late',
      )
        .argParser(shareOrNone)
        .default(defaultPolicy.hedgeBudget),
    )
    .addOption(
      flag('--audit <share>', 'of the expert calls, how many are asked of two shards and compared')
        .argParser(shareOrNone)
        .default(defaultPolicy.auditShare),
    )
    .addOption(
      flag(
        '--patience <ms>',
        'Milliseconds that a request under way waits for an expert that no shard serves at the moment, such as that of a ' +
          `shard that is being started again; below --call-deadline (default: ${defaultPolicy.patienceMs}, at most two ` +
          'thirds of --call-deadline)',
      ).argParser(integer()),
    )
    .addOption(
      flag(
        '--degrade <rung>',
        'what may stand in for an expert that no shard serves, where a request does not say; each allows those before it',
      )
        .choices(['none', ...rungs])
        .default('none'),
    )
    .addOption(flag('--log-level <level>', 'how much to log').choices(LOG_LEVELS).default('info'));
  return addSecurityFlags(addAccessFlags(command));
}

/** How calls to experts are made. Throws if the patience would outlast the deadline. */
export function callPolicy({
  hedgeBudget,
  audit,
  patience,
  callDeadline,
}: Pick<GatewayFlags, 'hedgeBudget' | 'audit' | 'patience' | 'callDeadline'>): CallPolicy {
  if (patience !== undefined && patience >= callDeadline) {
    throw new Error(
      `--patience ${patience} is not below --call-deadline ${callDeadline}, so that a call which has waited could no ` +
        'longer be answered; give a smaller --patience or a larger --call-deadline',
    );
  }
  const patienceMs = patience ?? Math.min(defaultPolicy.patienceMs, Math.floor((2 / 3) * callDeadline));
  return { hedgeBudget, auditShare: audit, patienceMs };
}

export function defaultRung({ degrade }: GatewayFlags): { degrade?: Rung } {
  return degrade === 'none' ? {} : { degrade };
}

/** How connections of callers are kept. */
export function connectionLimits({ keepAlive, maxIdleConnections }: GatewayFlags): Partial<ConnectionLimits> {
  return { keepAliveMs: keepAlive * 1000, idle: maxIdleConnections };
}

export function engineOptions(flags: GatewayFlags): EngineThreadData['engine'] {
  const { context, maxSequences, maxWaiting, kvMemory, prefillRows, prefillShare, callDeadline, speculate } =
    flags;
  return {
    ...(context !== undefined && { context }),
    maxSequences,
    maxWaiting,
    kvMemory,
    prefillRows,
    prefillShare,
    callDeadlineMs: callDeadline,
    speculate,
  };
}
