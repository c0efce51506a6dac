// Gives each worker thread one task at a time, and collects the results.
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { moduleUrl } from '../../base/module-url.ts';
import { BadValuesError, InputError } from '../errors.ts';
import { TaskRunner } from './run-task.ts';
import type { Fault, Task, TaskResult, WorkerMessage } from './task.ts';

interface RunTasksOptions {
  tasks: readonly Task[];
  workers: number;
  signal?: AbortSignal;
  onBytes?: (sourceBytes: number) => void;
  /** Called in the order in which tasks are completed. */
  onResult: (result: TaskResult) => void;
}

/** If the source has fewer bytes than this, starting a thread takes longer than the work. */
const SMALL_BYTES = 16 << 20;

const workerFile = moduleUrl('./worker', import.meta.url);

/** Resolves when all tasks are done. After the first failure or an abort, rejects with its reason when all threads have ended. */
export async function runTasks(options: RunTasksOptions): Promise<void> {
  const bytes = options.tasks.reduce((sum, { sourceBytes }) => sum + sourceBytes, 0);
  await (bytes < SMALL_BYTES ? runHere(options) : runInThreads(options));
}

async function runHere({ tasks, signal, onBytes, onResult }: RunTasksOptions): Promise<void> {
  const runner = new TaskRunner({ isStopped: () => false, onBytes: (count) => onBytes?.(count) });
  try {
    for (const task of tasks) {
      signal?.throwIfAborted();
      onResult(runner.task(task));
      await setImmediate(); // so that an abort is noticed
    }
  } finally {
    runner.close();
  }
}

async function runInThreads({ tasks, workers, signal, onBytes, onResult }: RunTasksOptions): Promise<void> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const queue = tasks.values();
  const failures: unknown[] = [];
  const fail = (reason: unknown): void => {
    failures.push(reason);
    Atomics.store(stop, 0, 1);
  };
  const abort = (): void => fail(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort);

  const runOne = (): Promise<void> =>
    new Promise((resolve) => {
      const worker = new Worker(workerFile, { workerData: { stop } });
      const next = (): void => {
        const task = failures.length > 0 ? undefined : queue.next().value;
        worker.postMessage(task ?? 'end');
      };
      worker.on('message', (message: WorkerMessage) => {
        if (message.kind === 'progress') return onBytes?.(message.bytes);
        try {
          if (message.kind === 'done') onResult(message.result);
        } catch (error) {
          fail(error);
        }
        if (message.kind === 'failed') fail(failureOf(message));
        next();
      });
      worker.on('error', fail);
      worker.on('exit', () => resolve());
      next();
    });

  try {
    await Promise.all(Array.from({ length: Math.min(workers, tasks.length) }, runOne));
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  if (failures.length > 0) throw failures[0];
}

const errors: Readonly<Record<Fault, new (message: string) => Error>> = {
  values: BadValuesError,
  input: InputError,
  program: Error,
};

function failureOf({ message, fault, stack }: WorkerMessage & { kind: 'failed' }): Error {
  const error = new errors[fault](message);
  if (fault === 'program' && stack !== undefined) error.stack = stack;
  return error;
}
