// The life of a gateway process: start shards and engine, serve the API, drain on a signal, end. Knows no verb's flags.
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { createApi } from '../gateway/api/app.ts';
import { type ApiServer, serve } from '../gateway/api/serve.ts';
import { loadTextSide } from '../gateway/api/text-side.ts';
import type { EngineClient, EngineStatus, Rung } from '../gateway/engine/messages.ts';
import type { EngineThreadData } from './engine-thread.ts';
import { progressBar } from './progress.ts';
import { readingReport } from './reading-report.ts';
import type { ShardProgress } from './shard-process.ts';
import { onSignals } from './signals.ts';
import { type EngineThread, startEngine } from './start-engine.ts';

/** What is under way when a signal comes may take so long to end. Milliseconds. */
const GRACE = 10_000;

export interface GatewayProcess {
  /** Directory of the bundle. */
  model: string;
  host: string;
  port: number;
  device: EngineThreadData['device'];
  threads: number;
  engine: EngineThreadData['engine'];
  policy: EngineThreadData['policy'];
  /** What may stand in for an expert where a request does not say; absent: nothing may. */
  degrade?: Rung;
  log: Logger;
  /** Starts the shards, where they are ours to start. */
  startShards: (progress: Required<ShardProgress>) => Promise<EngineThreadData['shards']>;
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
  const { model, host, port, log, stopShards, killShards } = options;
  let thread: EngineThread | undefined;
  let server: ApiServer | undefined;

  const halt = async (code: number) => {
    killShards();
    await thread?.halt();
    process.exit(code);
  };
  let draining = false;
  const drain = async () => {
    draining = true;
    log.info('draining: requests under way may end; Ctrl-C again ends at once');
    await server?.close(GRACE);
    await thread?.close(0);
    await stopShards();
    process.exit(0);
  };
  onSignals({
    // While still starting, nothing of a caller's is under way.
    drain: (signal) => void (server === undefined ? halt(signal === 'SIGINT' ? 130 : 0) : drain()),
    halt: () => void halt(130),
  });

  try {
    const startedAt = performance.now();
    const bar = progressBar({ label: 'loading', format: (units) => `${Math.round(units)} parts` });
    const reading = readingReport({ log });
    const onLoading = (done: number, total: number) => bar.update(done, total);
    const onReading = (done: number, total: number) => reading.update(done, total);
    const shards = await options.startShards({ onLoading, onReading });
    thread = startEngine({
      model,
      device: options.device,
      threads: options.threads,
      shards,
      engine: options.engine,
      policy: options.policy,
      log,
      onLoading,
      onReading,
    });
    const [engine, text] = await Promise.all([thread.engine, loadTextSide(model)]);
    bar.end();
    if (options.awaitExperts) await allHeld(engine);
    const { degrade } = options;
    const served = { model: servedModel(model), ...(degrade !== undefined && { degrade }) };
    const app = createApi({ engine, ...text, ...served, logger: log });
    server = await serve({ app, host, port });
    options.onServing?.();
    // An engine that ends by itself has nothing left to serve with.
    void thread.ended.then((error) => {
      if (draining) return;
      log.error(error.message);
      void halt(1);
    });
    const seconds = (performance.now() - startedAt) / 1000;
    const status = await engine.status();
    reading.hide();
    process.stdout.write(readyText({ host, port: server.port, model, seconds, engine: status }));
  } catch (error) {
    process.stderr.write(`expertgrid: ${error instanceof Error ? error.message : String(error)}\n`);
    await halt(1);
  }
}

/** Shards that have just started serve within moments; a gateway that is up says which experts it misses. */
async function allHeld(engine: EngineClient): Promise<void> {
  for (let tries = 0; tries < 200 && !(await engine.status()).ready; tries++) await delay(50);
}

function servedModel(model: string) {
  const { mtimeMs } = statSync(join(model, 'bundle.json'));
  return { id: basename(model), created: Math.floor(mtimeMs / 1000) };
}

function readyText(facts: {
  host: string;
  port: number;
  model: string;
  seconds: number;
  engine: EngineStatus;
}): string {
  const { host, port, model, seconds, engine } = facts;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const id = basename(model);
  const shards = `${engine.shards.filter((shard) => shard.connected).length} of ${engine.shards.length} shards connected`;
  const missing = engine.ready ? '' : `; not every expert is held yet, see ${url}/health/ready`;
  return `ready in ${seconds.toFixed(1)} s: ${id} at ${url}, ${shards}${missing}

  curl -N ${url}/v1/completions -H 'content-type: application/json' \\
    -d '{"model": "${id}", "prompt": "It was a fine morning, and", "max_tokens": 60, "stream": true}'

`;
}
