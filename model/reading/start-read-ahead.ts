// Starts the thread that reads a mapped bundle ahead, and maps into memory the units that the thread has found sound. A run of
// an expert that is still on disk waits for that expert only.
import { Worker } from 'node:worker_threads';
import { moduleUrl } from '../../base/module-url.ts';
import type { Bundle } from '../bundle/bundle.ts';
import type { MappedExperts, Unit } from '../devices/expert.ts';
import { ReadFirst } from '../devices/read-first.ts';
import { InputError } from '../errors.ts';
import type { ReadAheadMessage, ReadAheadThreadData } from './read-ahead-thread.ts';
import { createTraffic, Serving } from './traffic.ts';

/** Shortest time between two reports of progress. */
const REPORT_MS = 100;
const entry = moduleUrl('./read-ahead-thread', import.meta.url);

interface ReadAheadOptions {
  bundle: Bundle;
  /** Check the dense part's matrices before the units. Default: false. */
  dense?: boolean;
  /** Counts tensors of the dense part. */
  onDense?: (done: number, total: number) => void;
  /** The units that the device will hold. They are read layer by layer. */
  units?: readonly Unit[];
  /** Counts bytes of units. Called at most ten times a second, and at the end. */
  onUnits?: (done: number, total: number) => void;
  /** The thread starts when this resolves. Default: at once. Until then, runs already read the experts that they need. */
  after?: Promise<void>;
  /** Called at most once; nothing more is read afterwards. The error names the file and the tensor or expert. */
  onDamaged: (error: Error) => void;
}

export class ReadAhead {
  /** Resolves when all matrices of the dense part are sound. Rejects if one is not. */
  readonly dense: Promise<void>;
  readonly #options: ReadAheadOptions;
  readonly #units: readonly Unit[];
  readonly #data: ReadAheadThreadData;
  readonly #serving = new Serving(createTraffic());
  readonly #denseChecked = Promise.withResolvers<void>();
  readonly #totalBytes: number;
  #readBytes = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;
  /** Number of ranges that the thread has reported as sound. */
  #soundParts = 0;
  #device: MappedExperts | undefined;
  #damage: Error | undefined;
  #stopped = false;
  #worker: Worker | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: ReadAheadOptions) {
    const { bundle, units = [], dense = false } = options;
    this.#options = options;
    this.#units = units.toSorted((a, b) => a.layer - b.layer || a.expert - b.expert);
    this.#data = {
      traffic: this.#serving.words,
      dense: dense ? bundle.matrixRanges() : [],
      experts: this.#units.map((unit) => bundle.expertRange(unit)),
      sound: new Uint8Array(new SharedArrayBuffer(units.length)),
    };
    this.#totalBytes = this.#data.experts.reduce((sum, { bytes }) => sum + bytes, 0);
    this.dense = this.#denseChecked.promise;
    this.dense.catch(() => {}); // onDamaged reports the error, even if nobody waits for the dense part
    if (this.#data.dense.length === 0) this.#denseChecked.resolve();
    if (options.after === undefined) this.#start();
    else void options.after.then(() => this.#start());
  }

  #start(): void {
    if (this.#stopped) return;
    const worker = new Worker(entry, { workerData: this.#data });
    worker.unref(); // a process may end before everything is read
    worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    worker.on('message', (message: ReadAheadMessage) => this.#onMessage(message));
    const { promise, resolve } = Promise.withResolvers<void>();
    worker.once('exit', () => {
      resolve();
      if (!this.#stopped && this.#soundParts < this.#data.dense.length + this.#units.length) {
        this.#fail(new Error('the thread that reads the bundle ahead ended before it was done'));
      }
    });
    this.#worker = worker;
    this.#ended = promise;
  }

  /** Wraps `device` so that it may serve while its bundle is still being read. */
  serve(device: MappedExperts): MappedExperts {
    this.#device = new ReadFirst({
      bundle: this.#options.bundle,
      device,
      units: this.#units,
      sound: this.#data.sound,
      serving: this.#serving,
      onDamaged: (error) => this.#onDamaged(error),
    });
    return this.#device;
  }

  /** Ends the thread. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#serving.stop();
    this.#worker?.ref(); // until it has ended
    await this.#ended;
  }

  #onMessage(message: ReadAheadMessage): void {
    if (message.type === 'failed') {
      this.#fail(new InputError(message.message));
      return;
    }
    this.#soundParts++;
    if (message.part === 'dense') this.#onDense(message.index);
    else this.#onUnit(message.index);
  }

  #onDense(index: number): void {
    const count = this.#data.dense.length;
    this.#options.onDense?.(index + 1, count);
    if (index + 1 === count) this.#denseChecked.resolve();
  }

  #onUnit(index: number): void {
    const unit = this.#units[index];
    if (unit === undefined) throw new Error(`no unit ${index} is read ahead`);
    this.#device?.mapIn(unit);
    this.#readBytes += this.#data.experts[index]?.bytes ?? 0;
    if (performance.now() - this.#reportedAt < REPORT_MS && index + 1 < this.#units.length) return;
    this.#reportedAt = performance.now();
    this.#options.onUnits?.(this.#readBytes, this.#totalBytes);
  }

  #fail(error: Error): void {
    this.#denseChecked.reject(error);
    this.#onDamaged(error);
  }

  #onDamaged(error: Error): void {
    if (this.#damage !== undefined) return;
    this.#damage = error;
    this.#serving.stop();
    this.#options.onDamaged(error);
  }
}
