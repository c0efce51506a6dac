// Starts the engine's thread, and ends it without ever cutting a run short.
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { VocabularyData } from '../gateway/constraints/vocabulary.ts';
import type { EngineClient } from '../gateway/engine/messages.ts';
import { connectEngine } from '../gateway/engine/remote.ts';
import type { EngineThreadData, ParentMessage, ThreadMessage } from './engine-thread.ts';
import { sibling } from './files.ts';

export interface StartEngineOptions extends Omit<EngineThreadData, 'port'> {
  log: Logger;
  /** The thread's own once it is known. */
  vocabulary: Promise<VocabularyData>;
  onLoading: (done: number, total: number) => void;
  /** Bytes of experts read ahead. */
  onReading: (done: number, total: number) => void;
}

export interface EngineThread {
  /** Resolves when the engine serves; rejects with what kept it from it. */
  engine: Promise<EngineClient>;
  /** Resolves when the thread has ended, to why. */
  ended: Promise<Error>;
  /** Lets generations end for at most `graceMs`, then ends the thread. */
  close(graceMs: number): Promise<void>;
  /** Ends the thread between two runs, whatever is under way. */
  halt(): Promise<void>;
}

export function startEngine({
  log,
  vocabulary,
  onLoading,
  onReading,
  ...options
}: StartEngineOptions): EngineThread {
  const { port1, port2 } = new MessageChannel();
  const workerData: EngineThreadData = { ...options, port: port2 };
  const worker = new Worker(sibling('engine-thread'), { workerData, transferList: [port2] });
  const ended = new Promise<Error>((resolve) => {
    let reason: string | undefined;
    worker.on('message', (message: ThreadMessage) => {
      if (message.type === 'loading') onLoading(message.done, message.total);
      else if (message.type === 'reading') onReading(message.done, message.total);
      else if (message.type === 'log') log[message.level](message.message);
      else reason = message.message;
    });
    worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    worker.on('exit', () => resolve(new Error(reason ?? 'the engine thread has ended')));
  });
  const tell = (message: ParentMessage) => worker.postMessage(message);
  const told = vocabulary.then((vocabulary) => tell({ type: 'vocabulary', vocabulary }));
  const engine = Promise.all([connectEngine(port1, ended), told]).then(([client]) => client);
  return {
    engine,
    ended,
    async close(graceMs) {
      await (await engine).close(graceMs);
      await ended;
      port1.close();
    },
    async halt() {
      engine.catch(() => {}); // whoever waits for it hears of it; the halt itself is no failure
      tell({ type: 'halt' });
      await ended;
      port1.close();
    },
  };
}
