// Starts the engine's thread, and ends it without ever cutting a run short.
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { moduleUrl } from '../../base/module-url.ts';
import type { VocabularyData } from '../../gateway/constraints/vocabulary.ts';
import type { EngineClient } from '../../gateway/engine/messages.ts';
import { connectEngine } from '../../gateway/engine/remote.ts';
import type { EngineThreadData, ParentMessage, ThreadMessage } from './engine-thread.ts';

export interface StartEngineOptions extends Omit<EngineThreadData, 'port'> {
  /** Of the model, for errors. */
  name: string;
  log: Logger;
  /** The thread's own once it is known. */
  vocabulary: Promise<VocabularyData>;
  onLoading: (done: number, total: number) => void;
  /** Bytes of experts read ahead. */
  onReading: (done: number, total: number) => void;
  /** As `Warnings.set` takes it. */
  onWarning: (what: string, message: string | undefined) => void;
}

export interface EngineThread {
  /** Resolves when the engine serves; rejects with what kept it from it. */
  engine: Promise<EngineClient>;
  /** Resolves when the thread has ended though nobody asked it to, to why; never if that does not happen. */
  failed: Promise<Error>;
  /** Lets generations end for at most `graceMs`, then ends the thread. */
  close(graceMs: number): Promise<void>;
  /** Ends the thread between two runs, whatever is under way. */
  halt(): Promise<void>;
}

export function startEngine({
  name,
  log,
  vocabulary,
  onLoading,
  onReading,
  onWarning,
  ...options
}: StartEngineOptions): EngineThread {
  const { port1, port2 } = new MessageChannel();
  const workerData: EngineThreadData = { ...options, port: port2 };
  const worker = new Worker(moduleUrl('./engine-thread', import.meta.url), {
    workerData,
    transferList: [port2],
  });
  let asked = false;
  const { promise: failed, resolve: tellFailed } = Promise.withResolvers<Error>();
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
      if (!asked) tellFailed(why);
      resolve(why);
    });
  });
  const tell = (message: ParentMessage) => worker.postMessage(message);
  const told = vocabulary.then((vocabulary) => tell({ type: 'vocabulary', vocabulary }));
  const engine = Promise.all([connectEngine(port1, ended), told]).then(([client]) => client);
  return {
    engine,
    failed,
    async close(graceMs) {
      asked = true;
      await (await engine).close(graceMs);
      await ended;
      port1.close();
    },
    async halt() {
      asked = true;
      engine.catch(() => {}); // whoever waits for it hears of it; the halt itself is no failure
      tell({ type: 'halt' });
      await ended;
      port1.close();
    },
  };
}

/** What was thrown and not caught there, or what ended the thread from outside. */
function threadError(name: string, thrown: unknown): Error {
  const { message = String(thrown), code } = thrown instanceof Error ? (thrown as NodeJS.ErrnoException) : {};
  const why =
    code === 'ERR_WORKER_OUT_OF_MEMORY'
      ? 'its heap is full (NODE_OPTIONS=--max-old-space-size=<MiB> gives it more)'
      : message;
  return new Error(`the engine thread of ${name} has failed: ${why}`, { cause: thrown });
}
