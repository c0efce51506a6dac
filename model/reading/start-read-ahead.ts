// Starts the thread that reads a mapped bundle ahead, and puts what it reads to use: what it has found sound is mapped
// in, and a run of an expert that is still on disk waits for that one alone.

import { Worker } from 'node:worker_threads';
import { moduleUrl } from '../../base/module-url.ts';
import type { Bundle } from '../bundle/bundle.ts';
import type { MappedExperts, Unit } from '../devices/expert.ts';
import { ReadFirst } from '../devices/read-first.ts';
import { InputError } from '../errors.ts';
import type { ReadAheadMessage, ReadAheadThreadData } from './read-ahead-thread.ts';
import { createTraffic, Serving } from './traffic.ts';

const TELL_MS = 100;
const entry = moduleUrl('./read-ahead-thread', import.meta.url);

export interface ReadAheadOptions {
  bundle: Bundle;
  /** Check the dense part's matrices, before all else. */
  dense?: boolean;
  /** Tensors of the dense part. */
  onDense?: (done: number, total: number) => void;
  /** Those of `device`; they are read layer by layer. */
  units?: readonly Unit[];
  /** Bytes of units; called ten times a second at most, and at the end. */
  onUnits?: (done: number, total: number) => void;
  /** The thread is started then; at once unless told. Runs wait for their experts in any case. */
  after?: Promise<void>;
  /** Called once, with what names the file and the tensor or expert; reading has ended then. */
  onDamaged: (error: Error) => void;
}

export interface ReadAhead {
  /** Resolves when the dense part's matrices are sound; rejects where one is not. */
  dense: Promise<void>;
  /** Wraps `device` so that it may serve while its bundle is still being read. */
  serve(device: MappedExperts): MappedExperts;
  /** Ends the thread; resolves when it has ended. */
  stop(): Promise<void>;
}

export function startReadAhead(options: ReadAheadOptions): ReadAhead {
  const { bundle, onDense = () => {}, onUnits = () => {} } = options;
  const units = (options.units ?? []).toSorted((a, b) => a.layer - b.layer || a.expert - b.expert);
  const dense = options.dense ? bundle.matrixRanges() : [];
  const experts = units.map((unit) => bundle.expertRange(unit));
  const sound = new Uint8Array(new SharedArrayBuffer(units.length));
  const serving = new Serving(createTraffic());
  const workerData: ReadAheadThreadData = { traffic: serving.words, dense, experts, sound };
  const total = experts.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  let device: MappedExperts | undefined;
  let found: Error | undefined;
  let stopped = false;
  /** Parts that were found sound, or were known to be. */
  let reported = 0;
  const onDamaged = (error: Error) => {
    if (found !== undefined) return;
    found = error;
    serving.stop();
    options.onDamaged(error);
  };
  const checked = Promise.withResolvers<void>();
  checked.promise.catch(() => {}); // whoever waits for it hears of it, and onDamaged in any case
  if (dense.length === 0) checked.resolve();
  const fail = (error: Error) => {
    checked.reject(error);
    onDamaged(error);
  };
  const onMessage = (message: ReadAheadMessage) => {
    if (message.type === 'failed') return fail(new InputError(message.message));
    const { part, index } = message;
    reported++;
    if (part === 'dense') {
      onDense(index + 1, dense.length);
      if (index + 1 === dense.length) checked.resolve();
      return;
    }
    const unit = units[index];
    if (unit === undefined) throw new Error(`no unit ${index} is read ahead`);
    device?.mapIn(unit);
    done += experts[index]?.bytes ?? 0;
    if (performance.now() - toldAt < TELL_MS && index + 1 < units.length) return;
    toldAt = performance.now();
    onUnits(done, total);
  };
  let worker: Worker | undefined;
  let ended: Promise<void> | undefined;
  const begin = () => {
    if (stopped) return;
    worker = new Worker(entry, { workerData });
    worker.unref(); // reading ahead alone keeps no process
    worker.on('error', (error) => fail(error instanceof Error ? error : new Error(String(error))));
    worker.on('message', onMessage);
    const { promise, resolve } = Promise.withResolvers<void>();
    worker.once('exit', () => {
      resolve();
      if (!stopped && reported < dense.length + units.length) {
        fail(new Error('the thread that reads the bundle ahead has ended before it was done'));
      }
    });
    ended = promise;
  };
  if (options.after === undefined) begin();
  else void options.after.then(begin);
  return {
    dense: checked.promise,
    serve(mapped) {
      device = new ReadFirst({ bundle, device: mapped, units, sound, serving, onDamaged });
      return device;
    },
    async stop() {
      stopped = true;
      serving.stop();
      worker?.ref(); // until it has ended
      await ended;
    },
  };
}
