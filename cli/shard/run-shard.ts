// Runs a shard process in phases: open, hold, listen, place, serve, drain. Each phase takes the results of earlier phases.
import { once } from 'node:events';
import type { Command } from 'commander';
import { DRAIN_MS, type DrainAnswer } from '../../experts/admin.ts';
import type { RpcError } from '../../rpc/errors.ts';
import { listen, type RpcServer } from '../../rpc/socket/server.ts';
import { Closing } from '../closing.ts';
import type { ShardFlags } from '../flags/shard-flags.ts';
import { portError } from '../gateway/ports.ts';
import { createLogger } from '../terminal/log.ts';
import { progressBar } from '../terminal/progress.ts';
import { readingReport } from '../terminal/reading-report.ts';
import { refusalLog } from '../terminal/refusal-log.ts';
import { describeHeld, type HeldExperts, holdModels } from './hold-models.ts';
import { leaveOnSignals } from './leaving.ts';
import { type OfferedShard, offerShard } from './offered-shard.ts';
import { fetchExperts } from './open-experts.ts';
import { type OpenedModel, type OpenedShard, openShard, type ShardRun } from './open-shard.ts';
import { hasParent, tellParent, toldToRead } from './shard-parent.ts';

/** How long the server may write the last answers before it closes the connections. */
const LAST_ANSWERS_MS = 1_000;
/** Interval of the notification `memory`. */
const MEMORY_MS = 5_000;

/** Runs until the shard leaves service, then ends the process. If the shard cannot serve, it closes everything and rejects. */
export async function runShard(flags: ShardFlags, command: Command): Promise<void> {
  const startedAt = performance.now();
  const log = createLogger(flags);
  const run: ShardRun = { flags, command, log, leaving: leaveOnSignals(log), closing: new Closing() };
  try {
    const opened = await openShard(run);
    const held = await hold(opened, run);
    if (held === undefined) process.exit(0);
    let gateways: RpcServer | undefined;
    const shard = offerShard(opened, held, () => gateways, run);
    const server = await listenAt(opened, shard, run);
    gateways = server;
    place(opened.models, shard);
    announce(opened, held, (performance.now() - startedAt) / 1_000);
    await serve(held, shard, server, run);
    const drained = await drain(held, shard, server);
    await run.closing.all();
    conclude(opened, drained, run);
  } catch (error) {
    await run.closing.all();
    throw error;
  }
}

/** Loads the experts. Returns undefined if the shard must leave before they are loaded; no drain is needed then. */
async function hold(
  { models }: OpenedShard,
  { flags: { device, threads, spin }, log, leaving, closing }: ShardRun,
): Promise<HeldExperts[] | undefined> {
  const { signal } = leaving;
  const child = hasParent();
  const bar = child ? undefined : progressBar({ label: 'loading', unit: 'experts' });
  const report = child ? undefined : readingReport({ log });
  try {
    await fetchExperts(models, signal);
    const held = await holdModels(models, {
      device,
      threads,
      spin,
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
    for (const each of held) closing.add(() => each.release());
    return held;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    bar?.end();
  }
}

/** Listens on the reserved port. */
async function listenAt(
  { port, security }: OpenedShard,
  { handlers, serving }: OfferedShard,
  { flags: { host, maxConnections }, log, closing }: ShardRun,
): Promise<RpcServer> {
  const place = { host, port: port.port };
  const onError = (error: RpcError, method: string) =>
    log.error({ method, err: error.cause ?? error }, error.message);
  await port.release();
  const server = await listen({
    handlers,
    serving,
    ...place,
    ...(security && { security }),
    maxConnections,
    onError,
    onRefused: refusalLog((fields, message) => log.warn(fields, message)),
  }).catch((error: unknown) => {
    throw portError(error, place);
  });
  closing.add(() => server.close({ graceMs: LAST_ANSWERS_MS }));
  return server;
}

/** Continues with the placements in the state directory. */
function place(models: readonly OpenedModel[], { placed }: OfferedShard): void {
  for (const { bundle, placement } of models) {
    if (placement !== undefined) placed.get(bundle.manifest.identity)?.resume(placement);
  }
}

/** Prints that the shard is ready, and tells the parent process. */
function announce(
  { address, port, metrics }: OpenedShard,
  held: readonly HeldExperts[],
  seconds: number,
): void {
  const { stdout } = process;
  stdout.write(
    `shard ready on ${address}: ${held.map(describeHeld).join('; ')} in ${seconds.toFixed(1)} s\n`,
  );
  if (metrics !== undefined) stdout.write(`metrics at ${metrics.url}\n`);
  for (const { bundle, checks } of held) {
    if (checks !== undefined) continue;
    const advice = `add them with: expertgrid golden --model ${bundle.dir}`;
    stdout.write(`${bundle.dir} has no golden rows, so its experts are not checked; ${advice}\n`);
  }
  tellParent({ type: 'ready', address, port: port.port });
}

/** Runs golden checks and sends `memory` to the gateways, until the shard leaves service. */
async function serve(
  held: readonly HeldExperts[],
  { placed }: OfferedShard,
  server: RpcServer,
  { flags: { checkEvery }, leaving }: ShardRun,
): Promise<void> {
  for (const { bundle, checks } of held) {
    const units = () => placed.get(bundle.manifest.identity)?.units ?? [];
    checks?.startRounds(checkEvery, units, leaving.leaveFor);
  }
  const sendMemory = () => server.broadcast('memory', { residentBytes: process.memoryUsage.rss() });
  setInterval(sendMemory, MEMORY_MS).unref();
  if (!leaving.signal.aborted) await once(leaving.signal, 'abort');
}

/** Stops moves and reading ahead, and waits for the calls in flight. */
async function drain(
  held: readonly HeldExperts[],
  { placed, drain }: OfferedShard,
  server: RpcServer,
): Promise<DrainAnswer> {
  const stopped = Promise.all([
    ...held.map((each) => each.stopReading()),
    ...[...placed.values()].map((model) => model.stop()),
  ]);
  const drained = await drain();
  await server.close({ graceMs: LAST_ANSWERS_MS });
  await stopped;
  return drained;
}

/** Reports whether every call was answered, and ends the process. */
function conclude(
  { address }: OpenedShard,
  { safeToDelete, inFlight }: DrainAnswer,
  { log }: ShardRun,
): never {
  if (safeToDelete) process.stdout.write(`safe to delete ${address}\n`);
  else {
    log.error(`${inFlight} calls were not answered within ${DRAIN_MS} ms`);
    process.exitCode = 1;
  }
  process.exit();
}
