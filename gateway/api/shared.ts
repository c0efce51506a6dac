// The parts that all requests of one server share: models, limits, counters and peers. They are made once from the server's
// options.
import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import type { EngineClient, Rung } from '../engine/messages.ts';
import type { HostRules } from './allowed-hosts.ts';
import { Fingerprint } from './answers/fingerprint.ts';
import { MemoryLedger } from './budget/ledger.ts';
import { chargeNowAndThen, Slices } from './budget/slices.ts';
import type { TextThreads } from './budget/text-threads.ts';
import { createTextWork } from './budget/text-work.ts';
import { type ApiContext, defaultLimits, type Limits, type ServedModel } from './context.ts';
import type { Aliases } from './endpoints/aliases.ts';
import type { DrainShard } from './endpoints/drain.ts';
import { statusInTime } from './endpoints/engine-status.ts';
import { type Keeping, keepHistory } from './endpoints/history/endpoint.ts';
import { History } from './endpoints/history/history.ts';
import type { Served } from './endpoints/models.ts';
import { HandOvers, type SendPrefix } from './peers/hand-over.ts';
import { type PeerCard, Peers } from './peers/peers.ts';
import type { ExpertSettings } from './requests/expert-settings.ts';
import { RecentUsage } from './resume/recent-usage.ts';
import type { Secrets } from './resume/seal.ts';
import { Shutdown } from './shutdown.ts';
import { Metrics } from './telemetry/metrics.ts';
import type { Tracing } from './telemetry/telemetry.ts';
import type { Access } from './tenants/access.ts';
import type { UsageLine, UsageLog } from './tenants/usage-log.ts';
import type { TextSide } from './text/text-side.ts';
import { Warnings } from './warnings.ts';

export interface ModelOptions extends TextSide {
  /** Directory from which text threads load the tokenizer. Absent: all texts are tokenized on the main thread. */
  dir?: string;
  engine: EngineClient;
  model: ServedModel;
}

export interface ApiOptions {
  /** Each model has its own id. The first model answers requests that need a model and name none. */
  models: readonly ModelOptions[];
  /** The current aliases. Each of their versions is one of `models`. */
  aliases?: () => Aliases;
  limits?: Partial<Limits>;
  /** Worst rung of the degradation ladder that requests allow by default. Absent: requests fail if an expert is unavailable. */
  degrade?: Rung;
  /** How many experts a token uses if its request does not say. Every model must take it. Absent: the checkpoint's numbers. */
  experts?: ExpertSettings;
  /** The current `host:port` of every gateway of these shards. Absent: this is the only gateway. */
  peerAddresses?: () => readonly string[];
  /** Sends keys and values of streams to other gateways. Absent: other gateways compute them again. */
  sendPrefix?: SendPrefix;
  /** The port at which this gateway takes over keys and values of streams. Absent: it takes none. */
  transferPort?: number;
  /** The API keys that may call. Absent: everyone may call. */
  access?: Access;
  /** The secrets of trusted callers, which may change at any time. Absent: no caller is trusted. */
  callerSecrets?: Secrets;
  /** Origins of the web pages that may call; `*` allows every page. Absent or empty: none. */
  corsOrigins?: readonly string[];
  /** Names that the header `Host` may carry. Absent: every name. */
  hosts?: HostRules;
  /** Called at the end of each admitted request, with its usage. */
  onUsage?: (line: UsageLine) => void;
  /** The log that `onUsage` writes to, if writing can fail. */
  usageLog?: Pick<UsageLog, 'waiting' | 'lost'>;
  /** Whether requests are refused while lines of `usageLog` wait to be written. Default false. */
  usageRequired?: boolean;
  /** Problems that the operator should fix. Default: none are watched. */
  warnings?: Warnings;
  /** Absent: requests are not traced. */
  tracing?: Tracing;
  /** Version of this server, for GET /version. Default `unknown`. */
  version?: string;
  /** Ends requests when the server shuts down. Default: nothing ends them. */
  shutdown?: Shutdown;
  /** Takes a shard out of service. Absent: no shard can be drained, because the shards run in this process. */
  drainShard?: DrainShard;
  /** Samples the counters every second for GET /v1/history. Absent: the history stays empty. */
  history?: Keeping;
  /** Threads for long texts. Absent: all texts are tokenized on the main thread. */
  textThreads?: TextThreads;
  logger: Logger;
}

/** The argument of the handlers of routes. */
export interface Shared {
  served: Served;
  limits: Limits;
  slices: Slices;
  ledger: MemoryLedger;
  metrics: Metrics;
  history: History;
  /** The answer to peers that ask who this gateway is. */
  card: PeerCard;
  /** Undefined if this is the only gateway. */
  peers: Peers | undefined;
  /** Undefined: keys and values of streams are not sent to other gateways. */
  sendPrefix: SendPrefix | undefined;
  handOvers: HandOvers;
  recentUsage: RecentUsage;
  shutdown: Shutdown;
  warnings: Warnings;
  version: string;
  drainShard: DrainShard | undefined;
  hosts: HostRules | undefined;
}

export function createShared(options: ApiOptions): Shared {
  const { models, degrade, experts, peerAddresses, usageLog, textThreads, logger, drainShard, hosts } =
    options;
  const { aliases = () => new Map(), version = 'unknown' } = options;
  const { warnings = new Warnings(), shutdown = new Shutdown() } = options;
  const metrics = new Metrics({ warnings, usageLog });
  const limits = { ...defaultLimits, ...options.limits };
  // Tenants are charged for the time of all cores together. A thread uses one core, so its time is divided by the number of cores.
  const cores = availableParallelism();
  const charge = chargeNowAndThen((tenant, ms) => {
    for (const { engine } of models) engine.charge(tenant ?? '', ms / cores);
  });
  const slices = new Slices({ charge });
  const ledger = new MemoryLedger(limits.answerMemory);
  const defaults = { ...(degrade !== undefined && { degrade }), ...(experts !== undefined && { experts }) };
  const common = { limits, logger, metrics, slices, ledger, ...defaults };
  const contexts = models.map(({ engine, dir, ...rest }): [string, ApiContext] => {
    const status = () => statusInTime({ engine, limits, logger });
    const fingerprint = new Fingerprint(status);
    const threads = textThreads && dir !== undefined ? { pool: textThreads, dir } : undefined;
    const textOf = createTextWork({ tools: rest, slices, threads });
    return [rest.model.id, { ...rest, ...common, engine, fingerprint, textOf }];
  });
  const served: Served = { contexts: new Map(contexts), aliases };
  const history = new History(metrics.tally);
  if (options.history !== undefined) {
    keepHistory(history, { ...options.history, contexts: served.contexts.values() });
  }
  const identities = models.map(({ model, engine }) => [model.id, engine.info.identity]);
  const { transferPort: transfer, sendPrefix } = options;
  const card: PeerCard = {
    instance: randomUUID(),
    models: Object.fromEntries(identities),
    ...(transfer !== undefined && { transfer }),
  };
  const peers =
    peerAddresses && new Peers({ card, addresses: peerAddresses, log: (message) => logger.warn(message) });
  return {
    ...{ served, limits, slices, ledger, metrics, history, card, peers },
    ...{ shutdown, warnings, version, drainShard, hosts, sendPrefix, handOvers: new HandOvers() },
    recentUsage: new RecentUsage(),
  };
}
