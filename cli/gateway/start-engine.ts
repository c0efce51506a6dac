// Starts the thread of an engine, and ends it between two runs of its device.
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { moduleUrl } from '../../base/module-url.ts';
import type { VocabularyData } from '../../gateway/constraints/vocabulary.ts';
import type { EngineClient } from '../../gateway/engine/messages.ts';
import { connectEngine } from '../../gateway/engine/remote.ts';
import type { EngineThreadData, ParentMessage, ThreadMessage } from './engine-thread.ts';

export interface StartEngineOptions extends Omit<EngineThreadData, 'port'> {
  /** Name of the model, for errors. */
  name: string;
  log: Logger;
  /** Sent to the thread when it is known. */
  vocabulary: Promise<VocabularyData>;
  onLoading: (done: number, total: number) => void;
  /** Bytes of experts read ahead. */
  onReading: (done: number, total: number) => void;
  /** For `Warnings.set`. */
  onWarning: (what: string, message: string | undefined) => void;
}

export interface EngineThread {
  /** Resolves when the engine serves; rejects with the reason if it cannot. */
  engine: Promise<EngineClient>;
  /** Resolves with the reason if the thread ends without being asked to. */
  failed: Promise<Error>;
  /** Lets generations end for at most `graceMs`, then ends the thread. */
  close(graceMs: number): Promise<void>;
  /** Ends the thread between two runs, even if requests are open. */
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
      engine.catch(() => {}); // whoever awaits it receives the error
      tell({ type: 'halt' });
      await ended;
      port1.close();
    },
  };
}

/** Names the model and the reason: an error that the thread did not catch, or a full heap. */
function threadError(name: string, thrown: unknown): Error {
  const { message = String(thrown), code } = thrown instanceof Error ? (thrown as NodeJS.ErrnoException) : {};
  const why =
    code === 'ERR_WORKER_OUT_OF_MEMORY'
      ? 'its heap is full (NODE_OPTIONS=--max-old-space-size=<MiB> gives it more)'
      : message;
  return new Error(`the engine thread of ${name} has failed: ${why}`, { cause: thrown });
}
