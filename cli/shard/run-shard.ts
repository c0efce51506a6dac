// The life of a shard process in phases: open, hold, listen, place, serve, drain. Each takes what the earlier ones returned.
import type { Command } from 'commander';
import type { Logger } from 'pino';
import { memoryParams } from '../../experts/wire.ts';
import type { RpcError } from '../../rpc/errors.ts';
import { listen, type RpcServer } from '../../rpc/socket/server.ts';
import { Closing } from '../closing.ts';
import type { ShardFlags } from '../flags/shard-flags.ts';
import { portError } from '../gateway/ports.ts';
import { createLogger } from '../terminal/log.ts';
import { progressBar } from '../terminal/progress.ts';
import { readingReport } from '../terminal/reading-report.ts';
import { refusalLog } from '../terminal/refusal-log.ts';
import { Gateways } from './gateways.ts';
import { describeHeld, type HeldExperts, type HoldOptions, holdModels } from './hold-models.ts';
import { aborted, type Leaving, leaveOnSignals } from './leaving.ts';
import { DRAIN_MS, type OfferedShard, offerShard } from './offered-shard.ts';
import { fetchExperts } from './open-experts.ts';
import { type OpenedModel, type OpenedShard, openShard } from './open-shard.ts';
import { hasParent, tellParent, toldToRead } from './shard-parent.ts';

/** How long the server waits for answers that are being written. */
const LAST_ANSWERS_MS = 1_000;
/** How often gateways are told the memory of this process. */
const TELL_MEMORY_MS = 5_000;

/** Runs until the shard is to leave service, then ends the process. Rejects if it cannot serve; what it opened is closed then. */
export async function runShard(flags: ShardFlags, command: Command): Promise<void> {
  const startedAt = performance.now();
  const log = createLogger(flags);
  const closing = new Closing();
  const leaving = leaveOnSignals(log);
  const { signal } = leaving;
  try {
    const opened = await openShard(flags, { command, log, signal, closing });
    const held = await hold(opened.models, { ...flags, log, leaving });
    if (held === undefined) process.exit(0);
    for (const each of held) closing.add(() => each.release());
    const gateways = new Gateways();
    const { standby, memory } = flags;
    const shard = offerShard({ opened, held, gateways, leaving, standby, memory, log });
    const server = await listenAt(opened, { flags, shard, log });
    closing.add(() => server.close({ graceMs: LAST_ANSWERS_MS }));
    gateways.connectTo(server);
    place(opened.models, shard);
    announce(opened, { held, port: server.address.port, startedAt });
    await serve(held, { shard, server, leaving, checkEvery: flags.checkEvery });
    await drain({ opened, held, shard, server, log });
    await closing.all();
    process.exit();
  } catch (error) {
    await closing.all();
    throw error;
  }
}

type HoldShardOptions = Pick<HoldOptions, 'device' | 'threads'> & { log: Logger; leaving: Leaving };

/** Loads the experts. Undefined if the shard is to leave before they are loaded: nothing needs to be drained. */
async function hold(
  models: readonly OpenedModel[],
  { device, threads, log, leaving }: HoldShardOptions,
): Promise<HeldExperts[] | undefined> {
  const { signal } = leaving;
  const child = hasParent();
  const bar = child ? undefined : progressBar({ label: 'loading', unit: 'experts' });
  const report = child ? undefined : readingReport({ log });
  try {
    await fetchExperts(models, signal);
    return await holdModels(models, {
      device,
      threads,
      signal,
      ...(child && { readAfter: toldToRead() }),
      onDamaged: (error) => leaving.leaveFor(error.message),
      onLoading: (done, total) => {
        bar?.update(done, total);
        tellParent({ type: 'loading', done, total });
      },
      onReading: (done, total) => {
        report?.update(done, total);
        tellParent({ type: 'reading', done, total });
      },
    });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    bar?.end();
  }
}

/** Takes calls from now on, on the port that was kept. */
async function listenAt(
  { port, security }: OpenedShard,
  { flags, shard, log }: { flags: ShardFlags; shard: OfferedShard; log: Logger },
): Promise<RpcServer> {
  const { host, maxConnections } = flags;
  const place = { host, port: port.port };
  const onError = (error: RpcError, method: string) =>
    log.error({ method, err: error.cause ?? error }, error.message);
  await port.release();
  return await listen({
    handlers: shard.handlers,
    ...place,
    ...(security && { security }),
    maxConnections,
    onError,
    onRefused: refusalLog((fields, message) => log.warn(fields, message)),
  }).catch((error: unknown) => {
    throw portError(error, place);
  });
}

/** Continues with the placements that were kept. */
function place(models: readonly OpenedModel[], { placed }: OfferedShard): void {
  for (const { bundle, placement } of models) {
    if (placement !== undefined) placed.get(bundle.manifest.identity)?.resume(placement);
  }
}

interface Announced {
  held: readonly HeldExperts[];
  port: number;
  startedAt: number;
}

/** Says on standard output, and to the parent, that the shard is ready. */
function announce({ address, metrics }: OpenedShard, { held, port, startedAt }: Announced): void {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  process.stdout.write(`shard ready on ${address}: ${held.map(describeHeld).join('; ')} in ${seconds} s\n`);
  if (metrics !== undefined) process.stdout.write(`metrics at ${metrics.url}\n`);
  for (const { bundle, checks } of held) {
    if (checks !== undefined) continue;
    const advice = `add them with: expertgrid golden --model ${bundle.dir}`;
    process.stdout.write(`${bundle.dir} has no golden rows, so its experts are not checked; ${advice}\n`);
  }
  tellParent({ type: 'ready', address, port });
}

interface Serving {
  shard: OfferedShard;
  server: RpcServer;
  leaving: Leaving;
  /** Milliseconds. */
  checkEvery: number;
}

/** Checks experts and tells gateways the memory in use, until the shard is to leave service. */
async function serve(
  held: readonly HeldExperts[],
  { shard, server, leaving, checkEvery }: Serving,
): Promise<void> {
  for (const { bundle, checks } of held) {
    const units = () => shard.placed.get(bundle.manifest.identity)?.units ?? [];
    checks?.goOn(checkEvery, units, leaving.leaveFor);
  }
  const tellMemory = () => server.broadcast('memory', memoryParams(process.memoryUsage.rss()));
  setInterval(tellMemory, TELL_MEMORY_MS).unref();
  await aborted(leaving.signal);
}

interface Drained {
  opened: OpenedShard;
  held: readonly HeldExperts[];
  shard: OfferedShard;
  server: RpcServer;
  log: Logger;
}

/** Lets calls and moves end, and says whether every call was answered. */
async function drain({ opened, held, shard, server, log }: Drained): Promise<void> {
  const stopped = Promise.all([
    ...held.map((each) => each.stopReading()),
    ...[...shard.placed.values()].map((model) => model.stop()),
  ]);
  const { safeToDelete, inFlight } = await shard.drain();
  await server.close({ graceMs: LAST_ANSWERS_MS });
  await stopped;
  if (safeToDelete) process.stdout.write(`safe to delete ${opened.address}\n`);
  else {
    log.error(`${inFlight} calls were not answered within ${DRAIN_MS} ms`);
    process.exitCode = 1;
  }
}
