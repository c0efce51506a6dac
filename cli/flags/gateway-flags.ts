// The flags that `up` and `gateway` share, and the options that they become.
import type { Command } from 'commander';
import type { Logger } from 'pino';
import { defaultLimits } from '../../gateway/api/context.ts';
import { defaultConnections } from '../../gateway/api/serve.ts';
import { engineDefaults } from '../../gateway/engine/engine-options.ts';
import type { DeviceName } from '../../model/devices/options.ts';
import { type CallPolicy, defaultPolicy } from '../../router/call-policy.ts';
import { type Rung, rungs } from '../../router/delivery/ladder.ts';
import type { EngineThreadData } from '../gateway/engine-thread.ts';
import type { LogFlags } from '../terminal/log.ts';
import { type AccessFlags, addAccessFlags } from './access-flags.ts';
import { formatBinary } from './binary-size.ts';
import {
  bytes,
  flag,
  GATEWAY_PORT,
  inputFlag,
  integer,
  LOOPBACK,
  port,
  several,
  share,
  shareOrNone,
} from './flags.ts';
import { fitModels, machineMemory } from './model-fit.ts';
import type { OpenedModel } from './models.ts';
import { addLogFlags, deviceFlag, threadsFlag } from './process-flags.ts';
import { addSecurityFlags, type SecurityFlags } from './security-flags.ts';

export interface GatewayFlags extends SecurityFlags, AccessFlags, LogFlags {
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
  answerMemory: number;
  /** Seconds. */
  grace: number;
  context?: number;
  maxSequences: number;
  maxWaiting: number;
  /** Bytes. */
  kvMemory?: number;
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
}

export function addGatewayFlags(command: Command): Command {
  addModelFlags(command);
  addHttpFlags(command);
  addAccessFlags(command);
  addEngineFlags(command);
  addCallFlags(command);
  return addLogFlags(addSecurityFlags(command));
}

function addModelFlags(command: Command): Command {
  return command
    .optionsGroup('Models:')
    .addOption(
      flag(
        '--model <dir>',
        "Bundle's directory, served under its own name or as NAME=DIR. Repeat to serve several models",
      )
        .argParser(several)
        .default(undefined, 'nano, the model that comes with expertgrid'),
    )
    .addOption(
      flag(
        '--alias <name=model:weight,…>',
        'Name for one or more models; each request goes to one of them, drawn by weight. Repeatable',
      ).argParser(several),
    )
    .addOption(
      inputFlag(
        '--aliases <file>',
        'JSON file of aliases, read again when it changes: {"chat": {"nano": 90, "nano-v2": 10}}',
      ),
    )
    .addOption(
      flag('--context <tokens>', 'Most tokens of a prompt and its answer together, at least 1')
        .argParser(integer({ min: 1 }))
        .default(undefined, "the model's"),
    );
}

function addHttpFlags(command: Command): Command {
  return command
    .optionsGroup('HTTP:')
    .addOption(flag('--host <address>', 'Address to listen on').default(LOOPBACK))
    .addOption(
      flag('--port <number>', 'Port to listen on, 0–65535; 0 takes a free port')
        .argParser(port)
        .default(GATEWAY_PORT),
    )
    .addOption(
      flag('--keep-alive <seconds>', 'Seconds until an idle connection is closed, 1–3600')
        .argParser(integer({ min: 1, max: 3600 }))
        .default(defaultConnections.keepAliveMs / 1000),
    )
    .addOption(
      flag(
        '--max-idle-connections <n>',
        'Most idle connections, at least 1; beyond that, the one idle longest is closed',
      )
        .argParser(integer({ min: 1 }))
        .default(defaultConnections.idle),
    )
    .addOption(
      flag(
        '--answer-memory <size>',
        'Memory for request bodies and for answers that are not streamed, such as 512MiB. One API key may use all that is free',
      )
        .argParser(bytes)
        .default(defaultLimits.answerMemory, formatBinary(defaultLimits.answerMemory)),
    )
    .addOption(
      flag(
        '--grace <seconds>',
        'Seconds that open requests have to end after SIGTERM or Ctrl-C, 0–3600; then they end with an error',
      )
        .argParser(integer({ max: 3600 }))
        .default(10),
    );
}

function addEngineFlags(command: Command): Command {
  return command
    .optionsGroup('Engine:')
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .addOption(
      flag('--kv-memory <size>', 'Memory for the KV cache, such as 512MiB, split evenly among the models')
        .argParser(bytes)
        .default(undefined, `${formatBinary(engineDefaults.kvMemory)}, at most half of the machine's memory`),
    )
    .addOption(
      flag('--max-sequences <n>', 'Most sequences that each model generates at once, at least 1')
        .argParser(integer({ min: 1 }))
        .default(engineDefaults.maxSequences),
    )
    .addOption(
      flag(
        '--max-waiting <n>',
        'Most requests that wait for each model, at least 0; more are refused with 429',
      )
        .argParser(integer())
        .default(engineDefaults.maxWaiting),
    )
    .addOption(
      flag('--prefill-rows <n>', 'Most prompt tokens computed in one step, at least 4')
        .argParser(integer({ min: 4 }))
        .default(engineDefaults.prefillRows),
    )
    .addOption(
      flag(
        '--prefill-share <share>',
        "Share of each step's time spent on prompts while other requests are generating, above 0 and up to 1. " +
          'Higher values start new requests sooner; lower values keep running streams smoother',
      )
        .argParser(share)
        .default(engineDefaults.prefillShare),
    )
    .addOption(
      flag(
        '--speculate',
        'Use speculative decoding: draft tokens from the text so far, and verify several in one step',
      ).default(false),
    );
}

function addCallFlags(command: Command): Command {
  return command
    .optionsGroup('Calls to experts:')
    .addOption(
      flag('--call-deadline <ms>', 'Milliseconds within which a shard must answer a call, at least 1')
        .argParser(integer({ min: 1 }))
        .default(engineDefaults.callDeadlineMs),
    )
    .addOption(
      flag(
        '--patience <ms>',
        'Milliseconds that a request waits for an expert that no shard serves now, for example while a shard ' +
          'restarts; less than --call-deadline',
      )
        .argParser(integer())
        .default(undefined, `${defaultPolicy.patienceMs}, at most two thirds of --call-deadline`),
    )
    .addOption(
      flag(
        '--hedge-budget <share>',
        'Share of calls that may also be sent to a second shard because the first is late, 0–1',
      )
        .argParser(shareOrNone)
        .default(defaultPolicy.hedgeBudget),
    )
    .addOption(
      flag('--audit <share>', 'Share of calls that are sent to two shards, to compare their answers, 0–1')
        .argParser(shareOrNone)
        .default(defaultPolicy.auditShare),
    )
    .addOption(
      flag(
        '--degrade <rung>',
        'What may replace an expert that no shard serves, unless the request says otherwise; ' +
          'each choice includes those before it. See docs/operations.md',
      )
        .choices(['none', ...rungs])
        .default('none'),
    );
}

/** The policy for calls to experts. Throws if --patience is not less than --call-deadline. */
export function callPolicy({
  hedgeBudget,
  audit,
  patience,
  callDeadline,
}: Pick<GatewayFlags, 'hedgeBudget' | 'audit' | 'patience' | 'callDeadline'>): CallPolicy {
  if (patience !== undefined && patience >= callDeadline) {
    throw new Error(
      `--patience ${patience} is not less than --call-deadline ${callDeadline}: a call that had waited so long would miss its ` +
        'deadline. Give a smaller --patience or a larger --call-deadline',
    );
  }
  const patienceMs = patience ?? Math.min(defaultPolicy.patienceMs, Math.floor((2 / 3) * callDeadline));
  return { hedgeBudget, auditShare: audit, patienceMs };
}

/** Throws a UsageError if the flags ask for more than the models or the machine have. */
export function engineOptions(
  flags: GatewayFlags,
  models: readonly OpenedModel[],
  log: Pick<Logger, 'warn'>,
): EngineThreadData['engine'] {
  const { context, maxSequences, maxWaiting, prefillRows, prefillShare, callDeadline, speculate } = flags;
  const { kvMemory, warnings } = fitModels(models, flags, machineMemory());
  for (const warning of warnings) log.warn(warning);
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
