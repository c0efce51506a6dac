// The life of a gateway process: start shards and engines, serve the API, drain on a signal, end. Knows no verb's flags.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Aliases } from '../gateway/api/aliases.ts';
import { createApi } from '../gateway/api/app.ts';
import type { Limits } from '../gateway/api/context.ts';
import { type ApiServer, type ConnectionLimits, serve } from '../gateway/api/serve.ts';
import { loadTextSide, type TextSide } from '../gateway/api/text-side.ts';
import { vocabularyOf } from '../gateway/api/vocabulary.ts';
import { TextThreads } from '../gateway/api/work/text-threads.ts';
import type { EngineClient, Rung } from '../gateway/engine/messages.ts';
import type { AccessOptions } from './access-flags.ts';
import type { EngineThreadData } from './engine-thread.ts';
import type { OpenedModel } from './models.ts';
import { progressBar } from './progress.ts';
import { readingReport } from './reading-report.ts';
import { readyText } from './ready-text.ts';
import type { ShardProgress } from './shard-process.ts';
import { onSignals } from './signals.ts';
import { type Engines, startEngines } from './start-engines.ts';
import { type OpenTracing, openTracing } from './tracing.ts';
import { version } from './version.ts';

/** What is under way when a signal comes may take so long to end. Milliseconds. */
const GRACE = 10_000;

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

/** Resolves when the gateway serves; the process then lives until a signal ends it. */
export async function serveGateway(options: GatewayProcess): Promise<void> {
  const { models, host, port, log, stopShards, killShards } = options;
  let engines: Engines | undefined;
  let server: ApiServer | undefined;
  let tracing: OpenTracing | undefined;

  let halting = false;
  const halt = async (code: number) => {
    halting = true;
    killShards();
    await engines?.halt();
    process.exit(code);
  };
  let draining = false;
  const serving = new AbortController();
  const drain = async () => {
    draining = true;
    serving.abort();
    log.info('draining: requests under way may end; Ctrl-C again ends at once');
    await server?.close(GRACE);
    const told = tracing?.close();
    await engines?.close(0);
    await stopShards();
    await told;
    process.exit(0);
  };
  onSignals({
    // While still starting, nothing of a caller's is under way.
    drain: (signal) => void (server === undefined ? halt(signal === 'SIGINT' ? 130 : 0) : drain()),
    halt: () => void halt(130),
  });

  try {
    const startedAt = performance.now();
    tracing = await openTracing(process.env, log);
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
    engines = startEngines({
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
    });
    const loading = engines.started.map(async ({ model, engine }) => {
      const [client, text] = await Promise.all([engine, textOf(model)]);
      return { engine: client, ...text, dir: model.dir, model: servedModel(model) };
    });
    const served = await Promise.all(loading);
    bar.end();
    if (options.awaitExperts) await Promise.all(served.map(({ engine }) => allHeld(engine)));
    const { aliases, degrade, peerAddresses } = options;
    const app = createApi({
      models: served,
      aliases,
      ...options.access,
      limits: options.limits,
      ...(peerAddresses !== undefined && { peerAddresses }),
      ...(degrade !== undefined && { degrade }),
      ...(tracing !== undefined && { tracing }),
      textThreads: new TextThreads(),
      version,
      history: { signal: serving.signal },
      logger: log,
    });
    server = await serve({ app, host, port, connections: options.connections });
    options.onServing?.();
    // An engine that ends by itself has nothing left to serve with.
    void engines.ended.then((error) => {
      if (draining) return;
      log.error(error.message);
      void halt(1);
    });
    const seconds = (performance.now() - startedAt) / 1000;
    const statuses = await Promise.all(served.map(({ engine }) => engine.status()));
    reading.hide();
    const keyed = options.access.access !== undefined;
    const ids = models.map(({ id }) => id);
    process.stdout.write(
      readyText({ host, port: server.port, models: ids, seconds, engines: statuses, keyed }),
    );
  } catch (error) {
    if (halting) return; // what fails while threads end needs no word
    process.stderr.write(`expertgrid: ${error instanceof Error ? error.message : String(error)}\n`);
    await halt(1);
  }
}

/** Shards that have just started serve within moments; a gateway that is up says which experts it misses. */
async function allHeld(engine: EngineClient): Promise<void> {
  for (let tries = 0; tries < 200 && !(await engine.status()).ready; tries++) await delay(50);
}

function servedModel({ id, dir, facts }: OpenedModel) {
  const { mtimeMs } = statSync(join(dir, 'bundle.json'));
  return { id, created: Math.floor(mtimeMs / 1000), facts };
}
