// The `expert.run` calls that the addon answers without JavaScript. Units are served so once their weights are in memory; the service
// answers every other call. The rules of both are the same, and tests compare them.
import { setImmediate as socketsRead } from 'node:timers/promises';
import { kernels } from '../kernels/kernels.ts';
import { MOST_IDENTITY_BYTES, SAMPLES, type Serving, type WireKernels } from '../kernels/wires.ts';
import { type ExpertDevice, type Unit, unitKey } from '../model/devices/expert.ts';
import type { CallServing } from '../rpc/socket/serving.ts';
import type { HeldModel, HeldModelOptions } from './held-model.ts';
import type { RunSample } from './metrics.ts';
import { MOST_PASSED_OVER } from './queue.ts';
import type { FrameLimits } from './wire/bounds.ts';

type Model = HeldModelOptions['model'];
type Matrices = NonNullable<ReturnType<NonNullable<ExpertDevice['matrices']>>>;

interface FastCallsOptions {
  models: readonly Model[];
  limits: FrameLimits;
  /** Most (row, expert) pairs of one run, and of the queue. */
  mostBatchAsks: number;
  mostQueuedAsks: number;
  /** Called when a caller has cancelled a call that waited for its turn. */
  onCancelled: () => void;
}

/** Most unanswered calls of one connection. Further calls go to the service, which has its own limit. */
const MOST_RUNNING = 1_024;
/** How often samples are read, so that their memory does not fill up. */
const SAMPLE_MS = 1_000;

/** Undefined if the addon is missing. */
export function openFastCalls(options: FastCallsOptions): FastCalls | undefined {
  return kernels?.serving === undefined ? undefined : new FastCalls(kernels, options);
}

export class FastCalls implements CallServing {
  readonly handle: Serving;
  readonly #kernels: WireKernels;
  readonly noteCancelled: () => void;
  /** By identity: the model's number in the addon, and the matrices of its served units by `unitKey`. */
  readonly #models = new Map<string, { number: number; units: Map<number, Matrices> }>();
  readonly #counts = new Float64Array(5);
  readonly #samples = new Float64Array(SAMPLES);
  #isStopped = false;

  constructor(kernels: WireKernels, options: FastCallsOptions) {
    const { models, limits, mostBatchAsks, mostQueuedAsks } = options;
    this.#kernels = kernels;
    this.noteCancelled = options.onCancelled;
    this.handle = kernels.serving(
      mostBatchAsks,
      mostQueuedAsks,
      MOST_RUNNING,
      limits.frameBytes,
      MOST_PASSED_OVER,
    );
    for (const { identity, layers, experts, hidden } of models) {
      if (Buffer.byteLength(identity) > MOST_IDENTITY_BYTES) continue;
      const { rows, asks } = limits;
      const number = kernels.serveModel(this.handle, identity, layers, experts, hidden, rows, asks);
      if (number >= 0) this.#models.set(identity, { number, units: new Map() });
    }
  }

  /** To be called after a run: serves all units of the model, if the device computes on matrices of the addon and has them in memory. */
  learn(held: HeldModel): void {
    const { device } = held;
    const { identity, layers, experts } = held.model;
    const model = this.#models.get(identity);
    if (model === undefined || device.matrices === undefined || this.#isStopped) return;
    for (let layer = 0; layer < layers && model.units.size < held.units; layer++) {
      for (let expert = 0; expert < experts; expert++) {
        const unit = { layer, expert };
        const key = unitKey(unit, experts);
        if (model.units.has(key) || !held.holds(unit)) continue;
        const matrices = device.matrices(unit);
        if (matrices === undefined) return;
        model.units.set(key, matrices);
        this.#kernels.serveUnit(this.handle, model.number, layer, expert, matrices);
      }
    }
  }

  /** Leaves new calls of the units to the service. Resolves when the calls before have ended. */
  async shut({ identity, experts }: Model, units: readonly Unit[]): Promise<void> {
    const model = this.#models.get(identity);
    if (model === undefined) return;
    const kept: Matrices[] = [];
    for (const unit of units) {
      const key = unitKey(unit, experts);
      const matrices = model.units.get(key);
      if (matrices === undefined) continue;
      kept.push(matrices);
      model.units.delete(key);
      this.#kernels.shutUnit(this.handle, model.number, unit.layer, unit.expert);
    }
    await this.ended();
    kept.length = 0; // until here, queued calls may still compute on them
  }

  get queuedAsks(): number {
    return this.#read()[1]!;
  }

  /** Calls that wait, and calls that were answered since the start. */
  get counts(): { inFlight: number; answered: number } {
    const [inFlight, , , , answered] = this.#read();
    return { inFlight: inFlight!, answered: answered! };
  }

  stop(): void {
    this.#isStopped = true;
    this.#kernels.stopServing(this.handle);
  }

  async ended(): Promise<void> {
    const next = this.#read()[3]!;
    // Tickets ascend, and the addon runs queued calls after each reading of the sockets.
    while (this.#read()[0]! > 0 && this.#counts[2]! < next) await socketsRead();
  }

  /** Calls `take` with the samples of runs, regularly and whenever the returned function is called. */
  sampleTo(take: (sample: RunSample) => void): () => void {
    const drain = () => this.#drain(take);
    setInterval(drain, SAMPLE_MS).unref();
    return drain;
  }

  #drain(take: (sample: RunSample) => void): void {
    const length = this.#kernels.takeSamples(this.handle, this.#samples);
    for (let at = 0; at < length; ) {
      const [calls = 0, decode = 0, prefill = 0, experts = 0, runMs = 0] = this.#samples.subarray(at, at + 5);
      const queueMs = Array.from(this.#samples.subarray(at + 5, at + 5 + calls));
      take({ pairs: [decode, prefill], experts, calls, queueMs, runMs });
      at += 5 + calls;
    }
  }

  #read(): Float64Array {
    this.#kernels.servingCounts(this.handle, this.#counts);
    return this.#counts;
  }
}
