// The engine's thread: opens the bundle's dense part, connects the shards (or runs them here), serves the engine.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { errorText } from '../../base/error-text.ts';
import { version } from '../../base/package.ts';
import { parseHoldings } from '../../experts/holdings.ts';
import { Constraints } from '../../gateway/constraints/masks/constraints.ts';
import type { VocabularyData } from '../../gateway/constraints/vocabulary.ts';
import { Engine, type EngineOptions } from '../../gateway/engine/engine.ts';
import { serveEngine } from '../../gateway/engine/remote.ts';
import { routingRules } from '../../gateway/engine/scheduling/rules.ts';
import { discover } from '../../infra/discovery/discovery.ts';
import { stale } from '../../infra/discovery/watch-file.ts';
import { type Bundle, openBundle } from '../../model/bundle/bundle.ts';
import { kernelsMissing, openDenseDevice, openHostKernels, usesKernels } from '../../model/devices/open.ts';
import type { DeviceName } from '../../model/devices/options.ts';
import { startReadAhead } from '../../model/reading/start-read-ahead.ts';
import type { CallPolicy } from '../../router/call-policy.ts';
import { Fleet } from '../../router/fleet.ts';
import { type SecuredShards, shardCredentials } from '../shard/shard-credentials.ts';
import { goldenProof } from './golden-proof.ts';
import { localMembers, type Members, socketMembers } from './members.ts';

/** What the thread is started with. */
export interface EngineThreadData {
  /** The engine is served here. */
  port: MessagePort;
  /** Directory of the bundle. */
  model: string;
  /** Identities of the gateway's other models, whose engines have threads of their own. */
  siblings: readonly string[];
  device: DeviceName;
  /** Of the CPU kernels. */
  threads: number;
  /** Where shards are found, or the holdings of shards to run in this thread. */
  shards: SecuredShards | { holdings: readonly string[] };
  engine: { kvMemory: number } & Pick<
    EngineOptions,
    | 'context'
    | 'maxSequences'
    | 'maxWaiting'
    | 'prefillRows'
    | 'prefillShare'
    | 'callDeadlineMs'
    | 'speculate'
  >;
  policy: CallPolicy;
}

/** What the thread tells its parent. */
export type ThreadMessage =
  | { type: 'loading'; done: number; total: number }
  /** Bytes of experts, while it serves. */
  | { type: 'reading'; done: number; total: number }
  /** What stays in use though its source cannot be used; undefined: it can. */
  | { type: 'warning'; what: string; message: string | undefined }
  | { type: 'log'; level: 'info' | 'warn' | 'error'; message: string }
  | { type: 'failed'; message: string };

/** What its parent says: that it ends, at any time; once, what the tokens are. */
export type ParentMessage = { type: 'halt' } | { type: 'vocabulary'; vocabulary: VocabularyData };

if (parentPort === null) throw new Error('this module is the entry of a worker thread');
const parent = parentPort;
const tell = (message: ThreadMessage) => parent.postMessage(message);

// Leaving in a callback is safe: a session blocks this thread while it runs, so none is running now. Ending the thread
// from outside in the middle of a run would abort the process.
const vocabulary = Promise.withResolvers<VocabularyData>();
parent.on('message', (message: ParentMessage) => {
  if (message.type === 'halt') process.exit();
  else vocabulary.resolve(message.vocabulary);
});

try {
  await serve(workerData as EngineThreadData);
} catch (error) {
  tell({ type: 'failed', message: errorText(error) });
}
// What is still open, the sockets to shards for one, must not keep the thread.
process.exit();

function log(level: 'info' | 'warn' | 'error', message: string): void {
  tell({ type: 'log', level, message });
}

function warnOf(what: string, source: string): (failing: boolean) => void {
  return (failing) => tell({ type: 'warning', what, message: failing ? stale(source) : undefined });
}

async function shardMembers(shards: SecuredShards): Promise<Members> {
  const credentials = 'the files of --tls-cert, --tls-key, --tls-ca or --secret-file';
  return socketMembers(
    await discover(shards, { log, onFailing: warnOf('shards', '--shards-file or --shards-dns') }),
    await shardCredentials(shards, { log, onFailing: warnOf('credentials', credentials) }),
  );
}

async function serve(data: EngineThreadData): Promise<void> {
  const bundle = await openBundle(data.model);
  try {
    await serveBundle(bundle, data);
  } finally {
    await bundle.close();
  }
}

async function serveBundle(
  bundle: Bundle,
  { port, siblings, device, threads, shards, engine, policy }: EngineThreadData,
): Promise<void> {
  const { config, manifest } = bundle;
  const { identity, contentHash } = manifest;
  const missing = kernelsMissing({ bundle, device });
  if (missing !== undefined) {
    tell({ type: 'log', level: 'info', message: `ONNX Runtime computes: ${missing}` });
  }
  const onLoading = (done: number, total: number) => tell({ type: 'loading', done, total });
  const held = 'holdings' in shards ? shards.holdings.map((text) => parseHoldings(text, config)) : [];
  const mapped = usesKernels({ bundle, device });
  const reading = mapped
    ? startReadAhead({
        bundle,
        dense: true,
        onDense: onLoading,
        units: held.flat(),
        onUnits: (done, total) => tell({ type: 'reading', done, total }),
        onDamaged: (error) => {
          tell({ type: 'failed', message: error.message });
          process.exit(1); // ends this thread; its parent ends the process
        },
      })
    : undefined;
  const { members, follow, dispose }: Members =
    'holdings' in shards
      ? await localMembers({ bundle, device, threads, reading }, held, onLoading)
      : await shardMembers(shards);
  const dense = await openDenseDevice({
    bundle,
    device,
    threads,
    ...(reading === undefined ? { onLoaded: onLoading } : { sound: reading.dense }),
  });
  const { layers, experts, hidden } = config;
  const fleet = new Fleet({
    members,
    policy,
    goldens: await goldenProof(bundle),
    unitBytes: Math.max(...manifest.experts.flat().map(({ length }) => length)),
    model: { identity, layers, experts, hidden },
    siblings,
    version,
    log,
  });
  follow((found) => fleet.setMembers(found));
  if ('holdings' in shards) await fleet.whenReady(10_000);
  const rules = await routingRules(bundle);
  const onFault = (what: string) => (cause: unknown) => {
    const message = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    tell({ type: 'log', level: 'error', message: `${what} failed: ${message}` });
  };
  const constraints = new Constraints(await vocabulary.promise);
  const given = {
    ...openHostKernels({ bundle, device }),
    config,
    identity,
    content: contentHash,
    dense,
    fleet,
    rules,
    constraints,
    onFault: onFault('a step'),
  };
  const options = { ...given, ...engine };
  await serveEngine(port, new Engine(options), onFault('a generation'));
  port.close();
  fleet.close();
  await reading?.stop();
  await dispose();
  await dense.dispose();
}
