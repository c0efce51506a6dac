// The life of a gateway process: start shards and engines, serve the API, drain on a signal, end. Knows no verb's flags.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { version } from '../../base/package.ts';
import { createApi } from '../../gateway/api/app.ts';
import { TextThreads } from '../../gateway/api/budget/text-threads.ts';
import type { Limits } from '../../gateway/api/context.ts';
import type { Aliases } from '../../gateway/api/endpoints/aliases.ts';
import { ApiError } from '../../gateway/api/errors.ts';
import { createLoadingApi } from '../../gateway/api/loading.ts';
import { type ApiServer, type ConnectionLimits, type ServeOptions, serve } from '../../gateway/api/serve.ts';
import { Shutdown, shuttingDown } from '../../gateway/api/shutdown.ts';
import { loadTextSide, type TextSide } from '../../gateway/api/text/text-side.ts';
import { vocabularyOf } from '../../gateway/api/text/vocabulary.ts';
import type { EngineClient, Rung } from '../../gateway/engine/messages.ts';
import { type OpenTracing, openTracing } from '../../tracing/tracing.ts';
import type { AccessOptions } from '../flags/access-flags.ts';
import type { OpenedModel } from '../flags/models.ts';
import type { ShardProgress } from '../shard/shard-process.ts';
import { onSignals } from '../signals.ts';
import { explain } from '../terminal/explain.ts';
import { progressBar } from '../terminal/progress.ts';
import { readingReport } from '../terminal/reading-report.ts';
import { drainShardOf } from './drain-shard.ts';
import type { EngineThreadData } from './engine-thread.ts';
import { born, type LifeEvent, lifeAfter, type Phase } from './gateway-life.ts';
import { portError } from './ports.ts';
import { readyText } from './ready-text.ts';
import { type Engines, startEngines } from './start-engines.ts';

/** What was cut gets so long to be written. Milliseconds. */
const LAST_WORDS = 1_000;
/** Engine threads that are to end at once get so long: one that computes ends between two runs. Milliseconds. */
const LONGEST_HALT = 10_000;

export interface GatewayProcess {
  models: readonly OpenedModel[];
  /** Names that stand for some of them, as they are now. */
  aliases: () => Aliases;
  /** Who may call, and what is noted of it. */
  access: AccessOptions;
  host: string;
  port: number;
  connections: Partial<ConnectionLimits>;
  limits: Partial<Limits>;
  /** Requests that are open when the process is asked to end get so long. Milliseconds. */
  graceMs: number;
  device: EngineThreadData['device'];
  threads: number;
  engine: EngineThreadData['engine'];
  policy: EngineThreadData['policy'];
  /** `host:port` of all gateways over these shards, as they are known now; absent: this is the only one. */
  peerAddresses?: () => readonly string[];
  /** What may stand in for an expert where a request does not say; absent: nothing may. */
  degrade?: Rung;
  log: Logger;
  /** Starts the shards, where they are ours to start; gives where those of a model are. */
  startShards: (
    progress: Required<ShardProgress>,
  ) => Promise<(model: OpenedModel) => EngineThreadData['shards']>;
  /** Called once the gateway serves. */
  onServing?: () => void;
  /** Asks them to leave and waits for it. */
  stopShards: () => Promise<void>;
  /** Ends them at once. */
  killShards: () => void;
  /** Wait for every expert before saying ready: shards that we started are on their way. */
  awaitExperts: boolean;
}

/** Resolves when the gateway serves, or has failed to; the process then lives until its life (gateway-life.ts) ends it. */
export async function serveGateway(options: GatewayProcess): Promise<void> {
  const { log } = options;
  const shutdown = new Shutdown();
  const started: Started = {};
  const serving = new AbortController();
  let life = born;
  let cause: ApiError | undefined;

  const happen = (event: LifeEvent) => {
    const before = life;
    life = lifeAfter(life, event);
    if (life.phase !== before.phase) void act[life.phase]();
  };
  /** Tells once why the process ends. */
  const fail = (error: unknown) => {
    if (life.phase === 'halting' || life.code !== 0) return; // what fails while all ends needs no word
    if (life.phase === 'loading') process.stderr.write(`expertgrid: ${explain(error)}\n`);
    else log.error({ err: error }, `${explain(error)}; the gateway ends`);
    cause = failed;
    happen('failed');
  };
  const whenIdle = async (withinMs: number) => {
    const idle = (await started.server?.idle(withinMs)) ?? true;
    happen(idle ? 'idle' : 'late');
  };
  const act: Record<Phase, () => void | Promise<void>> = {
    loading() {},
    serving() {},
    async draining() {
      const seconds = options.graceMs / 1000;
      log.info(`draining: open requests may end within ${seconds} s; Ctrl-C again ends them at once`);
      serving.abort();
      shutdown.refuse();
      started.server?.drain();
      await whenIdle(options.graceMs);
    },
    async cutting() {
      serving.abort();
      const open = started.server?.open ?? 0;
      if (open > 0) log.warn(`${open} open requests are ended with an error`);
      started.server?.drain();
      shutdown.cut(cause ?? shuttingDown());
      await whenIdle(LAST_WORDS);
    },
    async leaving() {
      const { server, engines, tracing } = started;
      await server?.close(0);
      const told = tracing?.close();
      await engines?.close(0);
      await options.stopShards();
      await told;
      process.exit(life.code);
    },
    async halting() {
      options.killShards();
      const timer = setTimeout(() => {
        log.error(`an engine thread did not end within ${LONGEST_HALT / 1000} s; the process is killed`);
        process.kill(process.pid, 'SIGKILL');
      }, LONGEST_HALT);
      await started.engines?.halt();
      clearTimeout(timer);
      process.exit(life.code);
    },
  };

  onSignals({
    drain: (signal) => happen(signal === 'SIGINT' ? 'interrupted' : 'terminated'),
    halt: () => happen('urged'),
  });
  process.on('uncaughtException', fail);
  try {
    await start(options, {
      shutdown,
      serving: serving.signal,
      started,
      onServed: () => happen('loaded'),
      onFailed: fail,
    });
  } catch (error) {
    fail(error);
  }
}

/** What a request that is open is told when the process is at fault; the log has the cause. */
const failed = new ApiError({
  status: 500,
  message: 'The server has failed and ends.',
  type: 'server_error',
  code: 'internal',
});

/** What there is by now to be ended. */
interface Started {
  server?: ApiServer;
  engines?: Engines;
  tracing?: OpenTracing;
}

interface Starting {
  shutdown: Shutdown;
  /** Aborted once new requests are refused. */
  serving: AbortSignal;
  started: Started;
  /** The server answers with the models. */
  onServed: () => void;
  /** An engine has ended that nobody asked to. */
  onFailed: (error: Error) => void;
}

async function start(
  options: GatewayProcess,
  { shutdown, serving, started, onServed, onFailed }: Starting,
): Promise<void> {
  const { models, host, port, log, connections } = options;
  const startedAt = performance.now();
  const tracing = await openTracing(process.env, log);
  if (tracing !== undefined) started.tracing = tracing;
  // The port comes first: who has it in use is told before anything is loaded, and probes are answered meanwhile.
  const ids = models.map(({ id }) => id);
  let api: ServeOptions['app'] = createLoadingApi(ids);
  const server = await serve({
    app: { fetch: (request) => api.fetch(request) },
    host,
    port,
    connections,
  }).catch((error: unknown) => {
    throw portError(error, { host, port });
  });
  started.server = server;

  const bar = progressBar({ label: 'loading', unit: 'parts' });
  const reading = readingReport({ log });
  const onLoading = (done: number, total: number) => bar.update(done, total);
  const onReading = (done: number, total: number) => reading.update(done, total);
  const shardsOf = await options.startShards({ onLoading, onReading });
  const texts = new Map<OpenedModel, Promise<TextSide>>();
  const textOf = (model: OpenedModel) => {
    const text = texts.get(model) ?? loadTextSide(model.dir);
    texts.set(model, text);
    return text;
  };
  const engines = startEngines({
    models,
    shardsOf,
    vocabularyOf: async (model) => vocabularyOf(await textOf(model), model.vocab),
    device: options.device,
    threads: options.threads,
    engine: options.engine,
    policy: options.policy,
    log,
    onLoading,
    onReading,
    onWarning: (what, message) => options.access.warnings.set(what, message),
  });
  started.engines = engines;
  void engines.failed.then(onFailed);
  const served = await Promise.all(
    engines.started.map(async ({ model, engine }) => {
      const [client, text] = await Promise.all([engine, textOf(model)]);
      return { engine: client, ...text, dir: model.dir, model: servedModel(model) };
    }),
  );
  bar.end();
  if (options.awaitExperts) await Promise.all(served.map(({ engine }) => allHeld(engine)));
  const { aliases, degrade, peerAddresses } = options;
  // All models are over the same shards.
  const [first] = models;
  const drainShard = first && drainShardOf(shardsOf(first), log);
  api = createApi({
    models: served,
    aliases,
    ...options.access,
    limits: options.limits,
    ...(peerAddresses !== undefined && { peerAddresses }),
    ...(degrade !== undefined && { degrade }),
    ...(tracing !== undefined && { tracing }),
    textThreads: new TextThreads(),
    version,
    history: { signal: serving },
    ...(drainShard !== undefined && { drainShard }),
    shutdown,
    logger: log,
  });
  onServed();
  options.onServing?.();
  const seconds = (performance.now() - startedAt) / 1000;
  const statuses = await Promise.all(served.map(({ engine }) => engine.status()));
  reading.hide();
  const keyed = options.access.access !== undefined;
  process.stdout.write(
    readyText({ host, port: server.port, models: ids, seconds, engines: statuses, keyed }),
  );
}

/** Shards that have just started serve within moments; a gateway that is up says which experts it misses. */
async function allHeld(engine: EngineClient): Promise<void> {
  for (let tries = 0; tries < 200 && !(await engine.status()).ready; tries++) await delay(50);
}

function servedModel({ id, dir, facts }: OpenedModel) {
  const { mtimeMs } = statSync(join(dir, 'bundle.json'));
  return { id, created: Math.floor(mtimeMs / 1000), facts };
}
