// A thread with an engine that computes nothing: in each step, every open generation gets one token. All other time that a request
// takes is the time of the API and of the message port.
import { type MessagePort, workerData } from 'node:worker_threads';
import { LoadBoard } from '../../gateway/engine/load.ts';
import type { GenerationPart, GenerationRequest, PushingEngine } from '../../gateway/engine/messages.ts';
import { serveEngine } from '../../gateway/engine/port/serve-engine.ts';
import { now } from '../engine.ts';

export interface EngineThreadData {
  /** The port for the messages of `serveEngine`. */
  port: MessagePort;
  /** Ids of the tokens, which repeat. */
  ids: readonly number[];
  /** Milliseconds between the end of a step and the next one. 0: the next step follows at once. */
  stepMs: number;
  /** `[steps]`, float64, where the thread notes the time of each step (`now()`). Later steps overwrite earlier ones. */
  times: SharedArrayBuffer;
}

const data = workerData as EngineThreadData;

interface Open {
  request: GenerationRequest;
  onPart: (part: GenerationPart) => void;
  tokens: number;
}

class EmptyEngine implements PushingEngine {
  readonly info = {
    content: '',
    identity: 'none',
    vocab: Math.max(...data.ids) + 1,
    layers: 1,
    experts: 1,
    expertsPerToken: [1],
    perToken: { least: 1, most: 1 },
    context: 65_536,
    sharesPrefixes: true,
  };
  readonly board = new LoadBoard();
  readonly #times = new Float64Array(data.times);
  readonly #open = new Set<Open>();
  #steps = 0;
  #isWaiting = false;

  start(request: GenerationRequest, onPart: (part: GenerationPart) => void): () => void {
    const generation = { request, onPart, tokens: 0 };
    this.#open.add(generation);
    this.#next();
    return () => void this.#open.delete(generation);
  }

  generate(): never {
    throw new Error('this engine only pushes');
  }

  charge(): void {}

  load() {
    return this.board.read();
  }

  async status() {
    return {
      ready: true,
      missing: [],
      single: [],
      borrowed: [],
      units: { missing: 0, single: 0, borrowed: 0 },
      running: this.#open.size,
      waiting: 0,
      kvBytesReserved: 0,
      kvBytesLimit: 1,
      shards: [],
      fingerprint: 'fp_none',
      numerics: 'none',
      counters: {},
    };
  }

  async heat(): Promise<never> {
    throw new Error('this engine has no experts');
  }

  async readPrefix(): Promise<undefined> {}

  async writePrefix(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {}

  #next(): void {
    if (this.#isWaiting || this.#open.size === 0) return;
    this.#isWaiting = true;
    if (data.stepMs === 0) setImmediate(() => this.#step());
    else setTimeout(() => this.#step(), data.stepMs);
  }

  #step(): void {
    this.#isWaiting = false;
    this.#times[this.#steps++ % this.#times.length] = now();
    for (const generation of this.#open) {
      const { request, onPart } = generation;
      const count = generation.tokens++;
      const id = data.ids[count % data.ids.length] ?? 0;
      onPart({ type: 'token', id, ...(count === 0 && { began: { queuedMs: 0, prefillMs: 0 } }) });
      if (generation.tokens < request.maxTokens) continue;
      this.#open.delete(generation);
      const usage = { promptTokens: request.prompt.length, completionTokens: count + 1, cachedTokens: 0 };
      onPart({ type: 'finish', reason: 'length', ...usage });
    }
    this.#next();
  }
}

await serveEngine(data.port, new EmptyEngine());
