// Starts a gateway process in phases: listen, start shards, load models, serve. Each phase returns the objects that later phases need.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { version } from '../../base/package.ts';
import { createApi } from '../../gateway/api/app.ts';
import { TextThreads } from '../../gateway/api/budget/text-threads.ts';
import { createLoadingApi } from '../../gateway/api/loading.ts';
import { type ApiServer, type App, serve } from '../../gateway/api/serve.ts';
import type { ApiOptions, ModelOptions } from '../../gateway/api/shared.ts';
import { loadTextSide, type TextSide } from '../../gateway/api/text/text-side.ts';
import { vocabularyData } from '../../gateway/constraints/vocabulary.ts';
import type { EngineClient } from '../../gateway/engine/messages.ts';
import { formatAddress, isLoopback } from '../../rpc/address.ts';
import { type OpenTracing, openTracing } from '../../tracing/tracing.ts';
import type { OpenedModel } from '../flags/models.ts';
import type { ShardProgress } from '../shard/shard-process.ts';
import { progressBar } from '../terminal/progress.ts';
import { readingReport } from '../terminal/reading-report.ts';
import { drainShardOf } from './drain-shard.ts';
import type { Holders } from './engine-thread.ts';
import type { OpenedGateway } from './open-gateway.ts';
import { portError } from './ports.ts';
import { readyText } from './ready-text.ts';
import { type Engines, startEngines } from './start-engines.ts';
import type { Transfer } from './transfer.ts';

/** The shards that serve a model. */
type HoldersOf = (model: OpenedModel) => Holders;

export interface GatewayProcess extends OpenedGateway {
  /** Starts the shards, if this process runs them. */
  startShards: (progress: Required<ShardProgress>) => Promise<HoldersOf>;
  /** Opens the exchange of keys and values with other gateways. Absent: this is the only gateway. */
  openTransfer?: (engines: readonly EngineClient[]) => Promise<Transfer | undefined>;
  /** Called when the gateway serves. */
  onServing?: () => void;
  /** Drains the shards that this process started, and waits until they have ended. */
  stopShards: () => Promise<void>;
  /** Immediately ends the shards that this process started. */
  killShards: () => void;
  /** True: the gateway begins to serve when shards hold every expert, or after 10 s. False: it does not wait for shards. */
  awaitExperts: boolean;
}

/** The parts that have been started and must be ended. */
export interface Started {
  server?: ApiServer;
  engines?: Engines;
  tracing?: OpenTracing;
}

interface Starting extends Required<Pick<ApiOptions, 'shutdown' | 'history'>> {
  started: Started;
  /** Called when the server begins to pass requests to the models. */
  onServed: () => void;
  /** Called when an engine ends by itself. */
  onFailed: (error: Error) => void;
}

export async function startGateway(options: GatewayProcess, starting: Starting): Promise<void> {
  const { host, log, api } = options;
  const { started, shutdown, history } = starting;
  const startedAt = performance.now();
  const tracing = await openTracing(process.env, log);
  if (tracing !== undefined) started.tracing = tracing;
  const { server, answerWith } = await listen(options);
  started.server = server;
  const progress = loadingProgress(log);
  const holdersOf = await options.startShards(progress);
  const { engines, loaded } = loadModels(options, holdersOf, progress);
  started.engines = engines;
  void engines.failed.then(starting.onFailed);
  const models = await loaded;
  progress.bar.end();
  if (options.awaitExperts) await Promise.all(models.map(({ engine }) => allHeld(engine)));
  const [first] = options.models; // all models have the same shards elsewhere
  const drainShard = first && drainShardOf(holdersOf(first), log);
  const transfer = await options.openTransfer?.(models.map(({ engine }) => engine));
  answerWith(
    createApi({
      models,
      ...api,
      ...(tracing !== undefined && { tracing }),
      ...(drainShard !== undefined && { drainShard }),
      ...(transfer && { sendPrefix: transfer.send, transferPort: transfer.port }),
      textThreads: new TextThreads(),
      version,
      shutdown,
      history,
      logger: log,
    }),
  );
  starting.onServed();
  options.onServing?.();
  const seconds = (performance.now() - startedAt) / 1000;
  const statuses = await Promise.all(models.map(({ engine }) => engine.status()));
  progress.reading.hide();
  const ids = options.models.map(({ id }) => id);
  const keyed = api.access !== undefined;
  process.stdout.write(
    readyText({ host, port: server.port, models: ids, seconds, engines: statuses, keyed }),
  );
}

/** Listens before models are loaded. A port in use is reported at once, and health probes get the answer that models are loading. */
async function listen({ models, host, port, status, connections, log }: GatewayProcess) {
  let app: App = createLoadingApi(models.map(({ id }) => id));
  const current: App = { fetch: (request) => app.fetch(request), onConnection: () => app.onConnection?.() };
  const server = await serve({ app: current, host, port, connections }).catch((error: unknown) => {
    throw portError(error, { host, port });
  });
  if (status !== undefined) await listenForStatus(status, () => app, log);
  const answerWith = (next: App) => {
    app = next;
  };
  return { server, answerWith };
}

/** Serves health and metrics at an address of their own. */
async function listenForStatus(
  place: { host: string; port: number },
  current: () => App,
  log: Logger,
): Promise<void> {
  const app: App = {
    fetch(request) {
      const { status, fetch } = current();
      return (status ?? fetch)(request);
    },
  };
  const { port } = await serve({ app, ...place }).catch((error: unknown) => {
    throw portError(error, place, { host: '--metrics-host', port: '--metrics-port' });
  });
  log.info(`/metrics and /health are served at ${formatAddress({ ...place, port })}`);
  if (!isLoopback(place.host))
    log.warn(`--metrics-host ${place.host}: anyone who can connect may read the metrics`);
}

function loadingProgress(log: Logger) {
  const bar = progressBar({ label: 'loading', unit: 'parts' });
  const reading = readingReport({ log });
  return { bar, reading, onLoading: bar.update, onReading: reading.update };
}

/** Starts the engines. `loaded` resolves when every engine serves. */
function loadModels(
  { models, engines: settings, log, api }: GatewayProcess,
  holdersOf: HoldersOf,
  { onLoading, onReading }: Required<ShardProgress>,
): { engines: Engines; loaded: Promise<ModelOptions[]> } {
  const texts = new Map<OpenedModel, Promise<TextSide>>();
  const textOf = (model: OpenedModel) => {
    const text = texts.get(model) ?? loadTextSide(model.dir);
    texts.set(model, text);
    return text;
  };
  const engines = startEngines({
    models,
    holdersOf,
    vocabularyOf: async (model) => {
      const { tokenizer } = await textOf(model);
      return vocabularyData(model.vocab, (id) => tokenizer.bytes(id));
    },
    ...settings,
    log,
    onLoading,
    onReading,
    onWarning: (what, message) => api.warnings.set(what, message),
  });
  const loading = engines.started.map(async ({ model, engine }) => {
    const [client, text] = await Promise.all([engine, textOf(model)]);
    const { id, dir, facts } = model;
    const created = Math.floor(statSync(join(dir, 'bundle.json')).mtimeMs / 1000);
    return { engine: client, ...text, dir, model: { id, created, facts } };
  });
  return { engines, loaded: Promise.all(loading) };
}

/** Resolves when shards hold every expert, or after 10 s. The status of the gateway then lists the missing experts. */
async function allHeld(engine: EngineClient): Promise<void> {
  for (let tries = 0; tries < 200 && !(await engine.status()).ready; tries++) await delay(50);
}
