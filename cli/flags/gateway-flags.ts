// The flags that `up` and `gateway` share, and what they become.
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
import { bytes, flag, inputFlag, integer, port, several, share, shareOrNone } from './flags.ts';
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
        'Bundle to serve, under the name of its directory or as NAME=DIR; repeat it to serve several models',
      )
        .argParser(several)
        .default(undefined, 'nano, which comes with expertgrid'),
    )
    .addOption(
      flag(
        '--alias <name=model:weight,…>',
        'Name that stands for one or more models; each request draws one by weight. Repeatable',
      ).argParser(several),
    )
    .addOption(
      inputFlag(
        '--aliases <file>',
        'JSON file of aliases, read again when it changes: {"chat": {"nano": 90, "nano-v2": 10}}',
      ),
    )
    .addOption(
      flag('--context <tokens>', 'Longest prompt and answer together, in tokens, at least 1')
        .argParser(integer({ min: 1 }))
        .default(undefined, "the model's"),
    );
}

function addHttpFlags(command: Command): Command {
  return command
    .optionsGroup('HTTP:')
    .addOption(flag('--host <address>', 'Address to listen on').default('127.0.0.1'))
    .addOption(
      flag('--port <number>', 'Port to listen on, 0–65535; 0 takes a free port')
        .argParser(port)
        .default(8080),
    )
    .addOption(
      flag('--keep-alive <seconds>', 'How long an idle connection is kept open, 1–3600 s')
        .argParser(integer({ min: 1, max: 3600 }))
        .default(defaultConnections.keepAliveMs / 1000),
    )
    .addOption(
      flag(
        '--max-idle-connections <n>',
        'Idle connections that are kept open, at least 1; beyond that, the one idle longest is closed',
      )
        .argParser(integer({ min: 1 }))
        .default(defaultConnections.idle),
    )
    .addOption(
      flag(
        '--answer-memory <size>',
        "Memory for requests' bodies and answers that are not streamed, such as 512MiB; an API key may use as much as is still free",
      )
        .argParser(bytes)
        .default(defaultLimits.answerMemory, '512MiB'),
    )
    .addOption(
      flag(
        '--grace <seconds>',
        'Seconds, 0–3600, that open requests have to end after SIGTERM or Ctrl-C; then they end with an error',
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
      flag('--kv-memory <size>', 'Memory for keys and values, such as 512MiB, split evenly among the models')
        .argParser(bytes)
        .default(undefined, "2GiB, at most half of the machine's memory"),
    )
    .addOption(
      flag('--max-sequences <n>', 'Sequences generated at once by each model, at least 1')
        .argParser(integer({ min: 1 }))
        .default(engineDefaults.maxSequences),
    )
    .addOption(
      flag(
        '--max-waiting <n>',
        'Requests that may wait for each model, at least 0; further ones are refused with 429',
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
        'Share of the time spent on prompts while other requests are generating, above 0 and up to 1. ' +
          'Higher values start new requests sooner; lower values keep running streams smoother',
      )
        .argParser(share)
        .default(engineDefaults.prefillShare),
    )
    .addOption(
      flag('--speculate', 'Draft tokens from the text so far, and verify several in one step').default(false),
    );
}

function addCallFlags(command: Command): Command {
  return command
    .optionsGroup('Calls to experts:')
    .addOption(
      flag('--call-deadline <ms>', 'Time within which a shard must answer a call, in ms, at least 1')
        .argParser(integer({ min: 1 }))
        .default(engineDefaults.callDeadlineMs),
    )
    .addOption(
      flag(
        '--patience <ms>',
        'How long a request waits for an expert that no shard serves at the moment, such as that of a shard ' +
          'that is being started again, in ms; below --call-deadline',
      )
        .argParser(integer())
        .default(undefined, `${defaultPolicy.patienceMs}, at most two thirds of --call-deadline`),
    )
    .addOption(
      flag(
        '--hedge-budget <share>',
        'Share of the calls, 0–1, that may also go to a second shard because the first is late',
      )
        .argParser(shareOrNone)
        .default(defaultPolicy.hedgeBudget),
    )
    .addOption(
      flag('--audit <share>', 'Share of the calls, 0–1, that two shards answer so that they can be compared')
        .argParser(shareOrNone)
        .default(defaultPolicy.auditShare),
    )
    .addOption(
      flag(
        '--degrade <rung>',
        'What may replace an expert that no shard serves if the request does not say; ' +
          'each rung allows those before it. See docs/operations.md',
      )
        .choices(['none', ...rungs])
        .default('none'),
    );
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
