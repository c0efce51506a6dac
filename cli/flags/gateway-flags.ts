// The flags that `up` and `gateway` share, and the options made from them.
import type { Command } from 'commander';
import type { Logger } from 'pino';
import { defaultLimits } from '../../gateway/api/context.ts';
import { defaultConnections } from '../../gateway/api/serve.ts';
import { engineDefaults, type PrefillShare } from '../../gateway/engine/engine-options.ts';
import type { Prefetch } from '../../model/devices/cpu/prefetch.ts';
import type { DeviceName } from '../../model/devices/options.ts';
import { type CallPolicy, defaultPolicy } from '../../router/call-policy.ts';
import { type Rung, rungs } from '../../router/delivery/ladder.ts';
import { expertPolicies } from '../../router/routing/request-routing.ts';
import type { EngineThreadData } from '../gateway/engine-thread.ts';
import type { LogFlags } from '../terminal/log.ts';
import { type AccessFlags, addAccessFlags } from './access-flags.ts';
import {
  addFlags,
  bytes,
  countOrCounts,
  flag,
  formatBinary,
  GATEWAY_PORT,
  inputFlag,
  integer,
  LOOPBACK,
  several,
  share,
  shareOrNone,
} from './flags.ts';
import { type ExpertFlags, fitModels, machineMemory } from './model-fit.ts';
import type { OpenedModel } from './models.ts';
import {
  addLogFlags,
  deviceFlag,
  metricsFlags,
  portFlag,
  prefetchFlag,
  threadsFlag,
  zoneFlag,
} from './process-flags.ts';
import { addSecurityFlags, type SecurityFlags } from './security-flags.ts';

export interface GatewayFlags extends SecurityFlags, AccessFlags, LogFlags, ExpertFlags {
  /** Directories of bundles, or `NAME=DIR`. */
  model?: string[];
  /** Texts of the form `NAME=MODEL:WEIGHT,…`. */
  alias?: string[];
  /** Path of a file. */
  aliases?: string;
  host: string;
  port: number;
  metricsPort?: number;
  metricsHost: string;
  /** Seconds. */
  keepAlive: number;
  maxIdleConnections: number;
  /** Bytes. */
  answerMemory: number;
  /** Seconds. */
  grace: number;
  /** Tokens. */
  context?: number;
  maxSequences: number;
  maxWaiting: number;
  /** Bytes. */
  kvMemory?: number;
  prefillRows: number;
  prefillShare: PrefillShare;
  /** Milliseconds. */
  callDeadline: number;
  device: DeviceName;
  threads: number;
  prefetch?: Prefetch;
  speculate: boolean;
  hedgeBudget: number;
  audit: number;
  /** Milliseconds. */
  patience?: number;
  degrade: Rung | 'none';
  zone?: string;
  remoteHops?: number;
}

/** `standardPeers` describes the default of --tls-peers. */
export function addGatewayFlags(command: Command, standardPeers?: string): Command {
  addModelFlags(command);
  addHttpFlags(command);
  addAccessFlags(command);
  addEngineFlags(command);
  addExpertFlags(command);
  addCallFlags(command);
  return addLogFlags(addSecurityFlags(command, standardPeers));
}

function addModelFlags(command: Command): Command {
  return addFlags(command, 'Models:', [
    flag(
      '--model <dir>',
      "Directory of a bundle. Requests name the model by the directory's name; NAME=DIR gives it another name. " +
        'Repeat to serve several models',
    )
      .argParser(several)
      .default(undefined, 'nano, the embedded model'),
    flag(
      '--alias <name=model:weight,…>',
      'Another name for one or more models. Each request for this name goes to one of the models, drawn by weight. ' +
        'A model without a weight has weight 1. Repeatable',
    ).argParser(several),
    inputFlag(
      '--aliases <file>',
      'JSON file of aliases, such as {"chat": {"nano": 90, "nano-v2": 10}}. Read again when it changes',
    ),
    flag(
      '--context <tokens>',
      'Most tokens of a prompt and its answer together, from 1 to the context length of the model',
    )
      .argParser(integer({ min: 1 }))
      .default(undefined, "the model's context length"),
  ]);
}

function addHttpFlags(command: Command): Command {
  return addFlags(command, 'HTTP:', [
    flag('--host <address>', 'Address to listen on').default(LOOPBACK),
    portFlag(GATEWAY_PORT),
    ...metricsFlags('only --port serves them, and /metrics needs an admin key if there are keys'),
    flag('--keep-alive <seconds>', 'Seconds after which an idle connection is closed, 1–3600')
      .argParser(integer({ min: 1, max: 3600 }))
      .default(defaultConnections.keepAliveMs / 1000),
    flag(
      '--max-idle-connections <n>',
      'Most idle connections, at least 1. Beyond that, the connection that has been idle longest is closed',
    )
      .argParser(integer({ min: 1 }))
      .default(defaultConnections.idle),
    flag(
      '--answer-memory <size>',
      'Memory for request bodies and for answers that are kept until their end, such as 512MiB. ' +
        'One API key can use at most half of it, and one answer at most a quarter',
    )
      .argParser(bytes)
      .default(defaultLimits.answerMemory, formatBinary(defaultLimits.answerMemory)),
    flag(
      '--grace <seconds>',
      'Seconds for open requests to finish after SIGTERM or Ctrl-C, 0–3600. After that they end with an error',
    )
      .argParser(integer({ max: 3600 }))
      .default(10),
  ]);
}

function addEngineFlags(command: Command): Command {
  return addFlags(command, 'Engine:', [
    deviceFlag(),
    threadsFlag(),
    prefetchFlag(),
    flag('--kv-memory <size>', 'Memory for the KV cache, such as 512MiB, split evenly among the models')
      .argParser(bytes)
      .default(
        undefined,
        `${formatBinary(engineDefaults.kvMemory)}, but at most half of the machine's memory`,
      ),
    flag(
      '--max-sequences <n>',
      'Most answers that each model generates at the same time, at least 1. Further requests wait',
    )
      .argParser(integer({ min: 1 }))
      .default(engineDefaults.maxSequences),
    flag(
      '--max-waiting <n>',
      'Most requests that wait for each model, at least 0. Further requests are refused with 429',
    )
      .argParser(integer())
      .default(engineDefaults.maxWaiting),
    flag('--prefill-rows <n>', 'Most prompt tokens that the engine computes in one step, at least 4')
      .argParser(integer({ min: 4 }))
      .default(engineDefaults.prefillRows),
    flag(
      '--prefill-share <share>',
      "Share of each step's time spent on prompts while other requests are generating, above 0 and up to 1. " +
        'Higher values start new requests sooner; lower values keep running streams smoother. ' +
        '`even` slows both by about the same factor',
    )
      .argParser((text): PrefillShare => (text === 'even' ? text : share(text)))
      .default(engineDefaults.prefillShare),
    flag(
      '--no-speculate',
      'Turn off speculative decoding, which drafts tokens from the text so far and verifies several in one step. ' +
        'Drafts are made only if measured step times say that they pay',
    ),
  ]);
}

function addExpertFlags(command: Command): Command {
  return addFlags(command, 'Experts per token, unless the request sets them:', [
    flag(
      '--experts-per-token <k>',
      'Experts for each token: one number for all layers, or one for each layer with experts, such as 2,2,1. ' +
        'From 1 to the number of experts, but a router may allow fewer',
    )
      .argParser(countOrCounts)
      .default(undefined, "the checkpoint's numbers"),
    flag(
      '--expert-budget <calls>',
      'Calls of experts for each token, all layers together, in place of --experts-per-token. At least one for each layer',
    )
      .argParser(integer({ min: 1 }))
      .default(undefined, 'no budget'),
    flag(
      '--expert-policy <policy>',
      'How --expert-budget is spent: `fixed` evenly over the layers, or `unsure` where the router gives the best experts ' +
        'of a token similar weights',
    )
      .choices(expertPolicies)
      .default(undefined, 'fixed'),
  ]);
}

function addCallFlags(command: Command): Command {
  return addFlags(command, 'Calls to experts:', [
    zoneFlag(),
    flag(
      '--remote-hops <n>',
      'Most calls of one token that may go to shards of other zones, at least 0. Beyond that, the token waits for a ' +
        'shard of its own zone, or steps down the ladder of --degrade',
    )
      .argParser(integer())
      .default(undefined, 'no limit'),
    flag(
      '--call-deadline <ms>',
      'Milliseconds within which the experts of one layer must answer, retries included, at least 1. ' +
        'After that the request fails with 504',
    )
      .argParser(integer({ min: 1 }))
      .default(engineDefaults.callDeadlineMs),
    flag(
      '--patience <ms>',
      'Milliseconds that a running request waits for an expert that no shard serves, for example while a shard ' +
        'restarts. At least 0 and less than --call-deadline. After that the request fails with 503',
    )
      .argParser(integer())
      .default(undefined, `${defaultPolicy.patienceMs}, or two thirds of --call-deadline if that is less`),
    flag(
      '--hedge-budget <share>',
      'Share of calls that may also be sent to a second shard because the first is late, 0–1',
    )
      .argParser(shareOrNone)
      .default(defaultPolicy.hedgeBudget),
    flag('--audit <share>', 'Share of calls that are sent to two shards to compare their answers, 0–1')
      .argParser(shareOrNone)
      .default(defaultPolicy.auditShare),
    flag(
      '--degrade <rung>',
      'What may replace an expert that no shard serves, unless the request names a rung itself. ' +
        'Each choice includes the choices before it; see docs/operations.md',
    )
      .choices(['none', ...rungs])
      .default('none'),
  ]);
}

/** The policy for calls to experts. Throws if --patience is not less than --call-deadline. */
export function callPolicy({
  hedgeBudget,
  audit,
  patience,
  callDeadline,
  remoteHops = defaultPolicy.remoteHops,
}: Pick<GatewayFlags, 'hedgeBudget' | 'audit' | 'patience' | 'callDeadline' | 'remoteHops'>): CallPolicy {
  if (patience !== undefined && patience >= callDeadline) {
    throw new Error(
      `--patience ${patience} is not less than --call-deadline ${callDeadline}: a call that waits for all of --patience ` +
        'would miss its deadline. Give a smaller --patience or a larger --call-deadline',
    );
  }
  const patienceMs = patience ?? Math.min(defaultPolicy.patienceMs, Math.floor((2 / 3) * callDeadline));
  return { hedgeBudget, auditShare: audit, patienceMs, remoteHops };
}

/** Throws a UsageError if --context is too long for a model, or if --kv-memory is too small or exceeds the machine's memory. */
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
