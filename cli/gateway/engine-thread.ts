// The entry of an engine's thread. It opens the dense part of one model, connects to the shards or runs them itself, and serves.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { errorText } from '../../base/error-text.ts';
import { version } from '../../base/package.ts';
import { parseHoldings } from '../../experts/holdings.ts';
import { Constraints } from '../../gateway/constraints/masks/constraints.ts';
import type { VocabularyData } from '../../gateway/constraints/vocabulary.ts';
import { Engine, type EngineOptions } from '../../gateway/engine/engine.ts';
import { serveEngine } from '../../gateway/engine/port/serve-engine.ts';
import { routingRules } from '../../gateway/engine/scheduling/rules.ts';
import { discover } from '../../infra/discovery/discovery.ts';
import { stale } from '../../infra/discovery/watch-file.ts';
import { type Bundle, openBundle } from '../../model/bundle/bundle.ts';
import { unitShape } from '../../model/config/model-config.ts';
import type { Unit } from '../../model/devices/expert.ts';
import { kernelsMissing, openDenseDevice, openHostKernels, usesKernels } from '../../model/devices/open.ts';
import type { DeviceName } from '../../model/devices/options.ts';
import { ReadAhead } from '../../model/reading/start-read-ahead.ts';
import type { CallPolicy } from '../../router/call-policy.ts';
import { Fleet } from '../../router/fleet.ts';
import type { Member } from '../../router/shards/member.ts';
import { Closing } from '../closing.ts';
import { type SecuredShards, shardCredentials } from '../shard/shard-credentials.ts';
import {
  fleetGoldens,
  type LocalMembers,
  localMembers,
  type SocketMembers,
  socketMembers,
} from './members.ts';

/** `workerData` of the thread. */
export interface EngineThreadData {
  /** The port for the messages of `serveEngine`. */
  port: MessagePort;
  /** Directory of the bundle. */
  model: string;
  /** Identities of the gateway's other models. Each of their engines has its own thread. */
  siblings: readonly string[];
  device: DeviceName;
  /** Number of threads of the CPU kernels. */
  threads: number;
  holders: Holders;
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
  /** Of this gateway. */
  zone: string | undefined;
}

/** The shards that hold the experts of a model. */
export interface Holders {
  /** Experts of each shard that runs in the engine's thread, as lists for `parseHoldings`. Such a shard is called without a hop. */
  here: readonly string[];
  /** Source of the addresses of the other shards. Absent: there are no others. */
  elsewhere?: SecuredShards;
}

/** Messages from the thread to its parent. */
export type ThreadMessage =
  /** Progress of loading: numbers of parts, such as units. Sent before the engine serves. */
  | { type: 'loading'; done: number; total: number }
  /** Progress of reading experts ahead: numbers of bytes. Sent while the engine serves. */
  | { type: 'reading'; done: number; total: number }
  /** `message` says that the source `what` cannot be read and that its old contents stay in use. Undefined: it can be read again. */
  | { type: 'warning'; what: string; message: string | undefined }
  | { type: 'log'; level: 'info' | 'warn' | 'error'; message: string }
  | { type: 'failed'; message: string };

/** Messages from the parent. `halt` ends the thread and may come at any time. `vocabulary` comes once. */
export type ParentMessage = { type: 'halt' } | { type: 'vocabulary'; vocabulary: VocabularyData };

/** How long the start waits until the experts in this thread are validated. */
const VALIDATION_MS = 10_000;

if (parentPort === null) throw new Error('this module is the entry of a worker thread');
const parent = parentPort;
const send = (message: ThreadMessage) => parent.postMessage(message);

// `process.exit` in a callback is safe. A run of the device blocks this thread, so no run is in progress when a callback starts. The
// parent must not terminate the thread itself, because this would abort the process if a run were in progress.
const vocabulary = Promise.withResolvers<VocabularyData>();
parent.on('message', (message: ParentMessage) => {
  if (message.type === 'halt') process.exit();
  else vocabulary.resolve(message.vocabulary);
});

try {
  await serve(workerData as EngineThreadData);
} catch (error) {
  send({ type: 'failed', message: errorText(error) });
}
// Open handles, such as sockets to shards, must not keep the thread alive.
process.exit();

function log(level: 'info' | 'warn' | 'error', message: string): void {
  send({ type: 'log', level, message });
}

function warnOf(what: string, source: string): (failing: boolean) => void {
  return (failing) => send({ type: 'warning', what, message: failing ? stale(source) : undefined });
}

/** Phases: read ahead, open the experts and the dense device, connect to shards, serve, close. */
async function serve(data: EngineThreadData): Promise<void> {
  const closing = new Closing();
  try {
    const bundle = await openBundle(data.model);
    closing.add(() => bundle.close());
    const reading = readAhead(bundle, data);
    const elsewhere = await findElsewhere(data.holders);
    closing.add(() => elsewhere?.close());
    const here = await openHere(bundle, data, reading);
    const loading = reading === undefined ? { onLoaded: onLoading } : { sound: reading.dense };
    const dense = await openDenseDevice({ bundle, device: data.device, threads: data.threads, ...loading });
    closing.add(() => dense.dispose());
    closing.add(() => here?.dispose());
    closing.add(() => reading?.stop());
    const own = here?.members ?? [];
    const fleet = await openFleet(bundle, data, own);
    closing.add(() => fleet.close());
    // The experts in this thread come first, so that their numerics class is the exact one.
    await fleet.until(() => fleet.status().every(({ state }) => state === 'available'), VALIDATION_MS);
    elsewhere?.follow((found) => fleet.setMembers([...own, ...found]));
    const engine = await createEngine(bundle, data, { dense, fleet });
    await serveEngine(data.port, engine, onFault('a generation'));
    data.port.close();
  } finally {
    await closing.all();
  }
}

/** Returns undefined if the device does not compute on the mapped file. */
function readAhead(bundle: Bundle, { device, holders }: EngineThreadData): ReadAhead | undefined {
  const missing = kernelsMissing({ bundle, device });
  if (missing !== undefined) log('info', `using ONNX Runtime: ${missing}`);
  if (!usesKernels({ bundle, device })) return undefined;
  return new ReadAhead({
    bundle,
    dense: true,
    onDense: onLoading,
    units: unitsHere(bundle, holders).flat(),
    onUnits: (done, total) => send({ type: 'reading', done, total }),
    onDamaged: (error) => {
      send({ type: 'failed', message: error.message });
      process.exit(1); // ends this thread; the parent then ends the process
    },
  });
}

/** The units of each shard that runs in this thread. */
function unitsHere({ config }: Bundle, { here }: Holders): Unit[][] {
  return here.map((text) => parseHoldings(text, unitShape(config)));
}

async function openHere(
  bundle: Bundle,
  { device, threads, holders }: EngineThreadData,
  reading: ReadAhead | undefined,
): Promise<LocalMembers | undefined> {
  if (holders.here.length === 0) return undefined;
  return await localMembers({ bundle, device, threads }, reading, unitsHere(bundle, holders), onLoading);
}

async function findElsewhere({ elsewhere }: Holders): Promise<SocketMembers | undefined> {
  if (elsewhere === undefined) return undefined;
  const credentials = 'the files of --tls-cert, --tls-key, --tls-ca or --secret-file';
  return socketMembers(
    await discover(elsewhere, { log, onFailing: warnOf('shards', '--shards-file or --shards-dns') }),
    await shardCredentials(elsewhere, { log, onFailing: warnOf('credentials', credentials) }),
  );
}

async function openFleet(
  bundle: Bundle,
  { policy, siblings, zone }: EngineThreadData,
  members: readonly Member[],
): Promise<Fleet> {
  const { manifest, config } = bundle;
  return new Fleet({
    members,
    policy,
    goldens: await fleetGoldens(bundle),
    unitBytes: Math.max(...manifest.experts.flat().map(({ length }) => length)),
    model: { identity: manifest.identity, ...unitShape(config) },
    siblings,
    zone,
    version,
    log,
  });
}

async function createEngine(
  bundle: Bundle,
  { engine, device }: EngineThreadData,
  parts: Pick<EngineOptions, 'dense' | 'fleet'>,
): Promise<Engine> {
  const { config, manifest } = bundle;
  return new Engine({
    ...openHostKernels({ bundle, device }),
    config,
    identity: manifest.identity,
    content: manifest.contentHash,
    ...parts,
    rules: await routingRules(bundle),
    constraints: new Constraints(await vocabulary.promise),
    onFault: onFault('a step'),
    ...engine,
  });
}

function onLoading(done: number, total: number): void {
  send({ type: 'loading', done, total });
}

function onFault(what: string): (cause: unknown) => void {
  return (cause) => {
    const message = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    log('error', `${what} failed: ${message}`);
  };
}
