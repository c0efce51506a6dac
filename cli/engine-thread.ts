// The engine's thread: opens the bundle's dense part, connects the shards (or runs them here), serves the engine.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { Engine, type EngineOptions } from '../gateway/engine/engine.ts';
import { serveEngine } from '../gateway/engine/remote.ts';
import { routingRules } from '../gateway/engine/rules.ts';
import { openBundle } from '../model/bundle/bundle.ts';
import { type DeviceName, kernelsMissing, openDenseDevice } from '../model/devices/open.ts';
import { Fleet } from '../router/fleet.ts';
import { localMembers, type Members, socketMembers } from './members.ts';
import { version } from './version.ts';

/** What the thread is started with. */
export interface EngineThreadData {
  /** The engine is served here. */
  port: MessagePort;
  /** Directory of the bundle. */
  model: string;
  device: DeviceName;
  /** Of the CPU kernels. */
  threads: number;
  /** Shards by address, or the holdings of shards to run in this thread. */
  shards: { addresses: readonly string[] } | { holdings: readonly string[] };
  engine: Pick<
    EngineOptions,
    'context' | 'maxSequences' | 'maxWaiting' | 'kvMemory' | 'prefillRows' | 'callDeadlineMs' | 'speculate'
  >;
}

/** What the thread tells its parent. */
export type ThreadMessage =
  | { type: 'loading'; done: number; total: number }
  | { type: 'log'; level: 'info' | 'warn' | 'error'; message: string }
  | { type: 'failed'; message: string };

/** What its parent may ask at any time. */
export interface HaltMessage {
  type: 'halt';
}

if (parentPort === null) throw new Error('this module is the entry of a worker thread');
const parent = parentPort;
const tell = (message: ThreadMessage) => parent.postMessage(message);

// Leaving in a callback is safe: a session blocks this thread while it runs, so none is running now. Ending the thread
// from outside in the middle of a run would abort the process.
parent.on('message', (_: HaltMessage) => process.exit());

try {
  await serve(workerData as EngineThreadData);
} catch (error) {
  tell({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
}
parent.close();

async function serve({ port, model, device, threads, shards, engine }: EngineThreadData): Promise<void> {
  const bundle = await openBundle(model);
  const { config, manifest } = bundle;
  const { identity, contentHash } = manifest;
  const missing = kernelsMissing(bundle);
  if (device === 'cpu' && missing !== undefined) {
    tell({ type: 'log', level: 'info', message: `ONNX Runtime computes: ${missing}` });
  }
  const dense = await openDenseDevice({
    bundle,
    device,
    threads,
    onLoaded: (done, total) => tell({ type: 'loading', done, total }),
  });
  const { members, dispose }: Members =
    'addresses' in shards
      ? socketMembers(shards.addresses)
      : await localMembers(
          { bundle, device, threads },
          shards.holdings,
          (done, total) => tell({ type: 'loading', done, total }),
          (error) => {
            tell({ type: 'failed', message: error.message });
            process.exit(1); // ends this thread; its parent ends the process
          },
        );
  const { layers, experts, hidden } = config;
  const fleet = new Fleet({
    members,
    model: { identity, layers, experts, hidden },
    version,
    log: (level, message) => tell({ type: 'log', level, message }),
  });
  if ('holdings' in shards) await fleet.whenReady(10_000);
  const rules = await routingRules(bundle);
  const onFault = (cause: unknown) => {
    const message = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    tell({ type: 'log', level: 'error', message: `a step failed: ${message}` });
  };
  const options = { config, identity, content: contentHash, dense, fleet, rules, onFault, ...engine };
  await serveEngine(port, new Engine(options));
  port.close();
  fleet.close();
  await dispose();
  await dense.dispose();
  await bundle.close();
}
