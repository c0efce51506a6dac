// The entry of a worker thread of a conversion. It does one posted task after another, until it gets the message `end`.
import { parentPort, workerData } from 'node:worker_threads';
import { BadValuesError, InputError } from '../errors.ts';
import { Stopped, TaskRunner } from './run-task.ts';
import type { Task, WorkerMessage } from './task.ts';

const port = parentPort;
if (port === null) throw new Error('this file runs as a worker thread');
const { stop }: { stop: Int32Array<SharedArrayBuffer> } = workerData;
const send = (message: WorkerMessage): void => port.postMessage(message);

const runner = new TaskRunner({
  isStopped: () => Atomics.load(stop, 0) !== 0,
  onBytes: (bytes) => send({ kind: 'progress', bytes }),
});

port.on('message', (task: Task | 'end') => {
  if (task === 'end') {
    runner.close();
    port.close();
    return;
  }
  try {
    send({ kind: 'done', result: runner.task(task) });
  } catch (error) {
    if (error instanceof Stopped) return send({ kind: 'stopped' });
    const known = error instanceof Error ? error : new Error(String(error));
    // A full disk or an unreadable file is the user's to repair, like a broken checkpoint. So the error is one line without a stack.
    const isInput = known instanceof InputError || 'syscall' in known;
    const fault = known instanceof BadValuesError ? 'values' : isInput ? 'input' : 'program';
    send({ kind: 'failed', message: known.message, fault, stack: known.stack });
  }
});
