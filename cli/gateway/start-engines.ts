// Starts an engine for each model of a gateway, each in its own thread, and ends them.
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { moduleUrl } from '../../base/module-url.ts';
import type { VocabularyData } from '../../gateway/constraints/vocabulary.ts';
import type { EngineClient } from '../../gateway/engine/messages.ts';
import { connectEngine } from '../../gateway/engine/port/connect-engine.ts';
import type { OpenedModel } from '../flags/models.ts';
import { addUp } from '../terminal/reading-report.ts';
import type { EngineThreadData, Holders, ParentMessage, ThreadMessage } from './engine-thread.ts';

interface Reports {
  log: Logger;
  /** Progress of loading: numbers of parts, such as units. Called before the engine serves. */
  onLoading: (done: number, total: number) => void;
  /** Progress of reading experts ahead: numbers of bytes. Called while the engine serves. */
  onReading: (done: number, total: number) => void;
  /** Called with the arguments of `Warnings.set`. */
  onWarning: (what: string, message: string | undefined) => void;
}

interface StartEnginesOptions
  extends Omit<EngineThreadData, 'port' | 'model' | 'siblings' | 'holders'>,
    Reports {
  models: readonly OpenedModel[];
  holdersOf: (model: OpenedModel) => Holders;
  vocabularyOf: (model: OpenedModel) => Promise<VocabularyData>;
}

interface EngineThread {
  /** Resolves when the engine serves. Rejects with the reason if it cannot serve. */
  engine: Promise<EngineClient>;
  /** Resolves with the reason if the thread ends before `close` or `halt` is called. */
  failed: Promise<Error>;
  /** Waits up to `graceMs` for open generations, then ends the thread. */
  close(graceMs: number): Promise<void>;
  /** Ends the thread between two runs of its device, even if requests are open. */
  halt(): Promise<void>;
}

/** All engines of a gateway, with the operations of `EngineThread` on all of them together. */
export interface Engines extends Omit<EngineThread, 'engine'> {
  /** In the order of `models`. */
  started: readonly { model: OpenedModel; engine: Promise<EngineClient> }[];
}

/** Splits the memory of the KV cache evenly between the models. All models share the kernel threads. */
export function startEngines({
  models,
  holdersOf,
  vocabularyOf,
  log,
  onLoading,
  onReading,
  onWarning,
  engine,
  ...data
}: StartEnginesOptions): Engines {
  const kvMemory = Math.floor(engine.kvMemory / models.length);
  const [loading, reading] = [onLoading, onReading].map((report) => addUp(models.length, report));
  const started = models.map((model, i) => {
    const siblings = models.filter((other) => other !== model).map(({ identity }) => identity);
    const thread = startEngine(
      { ...data, model: model.dir, siblings, holders: holdersOf(model), engine: { ...engine, kvMemory } },
      {
        log: models.length === 1 ? log : log.child({ model: model.id }),
        onLoading: loading?.[i] ?? onLoading,
        onReading: reading?.[i] ?? onReading,
        onWarning,
      },
      model.id,
      vocabularyOf(model),
    );
    return { model, thread, engine: thread.engine };
  });
  const each = async (act: (thread: EngineThread) => Promise<void>) => {
    await Promise.all(started.map(({ thread }) => act(thread)));
  };
  return {
    started,
    failed: Promise.race(started.map(({ thread }) => thread.failed)),
    close: (graceMs) => each((thread) => thread.close(graceMs)),
    halt: () => each((thread) => thread.halt()),
  };
}

/** `name` is the name of the model in errors. `vocabulary` is sent to the thread when it resolves. */
function startEngine(
  data: Omit<EngineThreadData, 'port'>,
  { log, onLoading, onReading, onWarning }: Reports,
  name: string,
  vocabulary: Promise<VocabularyData>,
): EngineThread {
  const { port1, port2 } = new MessageChannel();
  const workerData: EngineThreadData = { ...data, port: port2 };
  const worker = new Worker(moduleUrl('./engine-thread', import.meta.url), {
    workerData,
    transferList: [port2],
  });
  let isAsked = false;
  const { promise: failed, resolve: resolveFailed } = Promise.withResolvers<Error>();
  const ended = new Promise<Error>((resolve) => {
    let reason: Error | undefined;
    worker.on('message', (message: ThreadMessage) => {
      if (message.type === 'loading') onLoading(message.done, message.total);
      else if (message.type === 'reading') onReading(message.done, message.total);
      else if (message.type === 'warning') onWarning(message.what, message.message);
      else if (message.type === 'log') log[message.level](message.message);
      else reason = new Error(message.message);
    });
    worker.on('error', (error) => {
      reason = threadError(name, error);
    });
    worker.on('exit', () => {
      const why = reason ?? new Error(`the engine thread of ${name} has ended`);
      if (!isAsked) resolveFailed(why);
      resolve(why);
    });
  });
  const send = (message: ParentMessage) => worker.postMessage(message);
  const sent = vocabulary.then((vocabulary) => send({ type: 'vocabulary', vocabulary }));
  const engine = Promise.all([connectEngine(port1, ended), sent]).then(([client]) => client);
  return {
    engine,
    failed,
    async close(graceMs) {
      isAsked = true;
      await (await engine).close(graceMs);
      await ended;
      port1.close();
    },
    async halt() {
      isAsked = true;
      engine.catch(() => {}); // the code that awaits `engine` receives the error
      send({ type: 'halt' });
      await ended;
      port1.close();
    },
  };
}

/** Describes an error that the thread did not catch: names the model, and gives advice if the heap of the thread is full. */
function threadError(name: string, thrown: unknown): Error {
  const { message = String(thrown), code } = thrown instanceof Error ? (thrown as NodeJS.ErrnoException) : {};
  const why =
    code === 'ERR_WORKER_OUT_OF_MEMORY'
      ? 'its heap is full (NODE_OPTIONS=--max-old-space-size=<MiB> gives it more)'
      : message;
  return new Error(`the engine thread of ${name} has failed: ${why}`, { cause: thrown });
}
