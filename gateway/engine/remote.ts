// The engine across a message port: one side serves an engine, the other is an EngineClient. Knows no engine inside.
import type { MessagePort, Worker } from 'node:worker_threads';
import { fault } from './faults.ts';
import type { EngineClient, EngineInfo, EngineStatus, GenerationPart, GenerationRequest } from './messages.ts';
import { PartQueue } from './part-queue.ts';

type Down =
  | { type: 'generate'; request: GenerationRequest }
  | { type: 'abort'; id: string }
  | { type: 'status'; call: number }
  | { type: 'close'; graceMs: number };

type Up =
  | { type: 'info'; info: EngineInfo }
  | { type: 'part'; id: string; part: GenerationPart }
  | { type: 'status'; call: number; status: EngineStatus }
  | { type: 'closed' };

/** Serves `engine` over `port` until it is closed; resolves then. */
export async function serveEngine(port: MessagePort, engine: EngineClient): Promise<void> {
  const aborts = new Map<string, AbortController>();
  const up = (message: Up) => port.postMessage(message);
  const generate = async (request: GenerationRequest) => {
    const abort = new AbortController();
    aborts.set(request.id, abort);
    for await (const part of engine.generate(request, abort.signal)) up({ type: 'part', id: request.id, part });
    aborts.delete(request.id);
  };
  const closed = new Promise<void>((resolve, reject) => {
    port.on('message', (message: Down) => {
      switch (message.type) {
        case 'generate':
          return void generate(message.request).catch(reject);
        case 'abort':
          return aborts.get(message.id)?.abort();
        case 'status':
          return void engine
            .status()
            .then((status) => up({ type: 'status', call: message.call, status }))
            .catch(reject);
        case 'close':
          return void engine.close(message.graceMs).then(resolve, reject);
        default:
          return reject(new Error(`unknown message ${JSON.stringify(message)} to the engine`));
      }
    });
  });
  up({ type: 'info', info: engine.info });
  await closed;
  up({ type: 'closed' });
}

/** Waits for the engine in `worker`; rejects if the worker ends before it serves. */
export async function connectEngine(worker: Worker): Promise<EngineClient> {
  const client = new RemoteEngine(worker);
  await client.started;
  return client;
}

class RemoteEngine implements EngineClient {
  readonly started: Promise<void>;
  readonly #worker: Worker;
  readonly #generations = new Map<string, PartQueue>();
  readonly #statuses = new Map<number, { resolve: (status: EngineStatus) => void; reject: (error: Error) => void }>();
  readonly #closed: Promise<void>;
  #calls = 0;
  #info: EngineInfo | undefined;
  #lost: Error | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    let onStarted: () => void = () => {};
    let onFailed: (error: Error) => void = () => {};
    let onClosed: () => void = () => {};
    this.started = new Promise((resolve, reject) => {
      onStarted = resolve;
      onFailed = reject;
    });
    this.#closed = new Promise((resolve) => (onClosed = resolve));
    const lose = (error: Error) => {
      this.#lose(error);
      onFailed(error);
      onClosed();
    };
    worker.on('error', lose);
    worker.on('exit', (code) => lose(new Error(`the engine thread ended with code ${code}`)));
    worker.on('message', (message: Up) => {
      if (message.type === 'info') {
        this.#info = message.info;
        onStarted();
      } else if (message.type === 'closed') onClosed();
      else this.#receive(message);
    });
  }

  get info(): EngineInfo {
    if (this.#info === undefined) throw new Error('the engine has not started');
    return this.#info;
  }

  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationPart> {
    if (this.#lost !== undefined) {
      yield { type: 'error', error: fault('internal', this.#lost.message) };
      return;
    }
    const queue = new PartQueue();
    let done = false;
    const abort = () => {
      if (!done) this.#post({ type: 'abort', id: request.id });
      done = true;
      queue.end();
    };
    this.#generations.set(request.id, queue);
    this.#post({ type: 'generate', request });
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      for await (const part of queue) {
        done = part.type !== 'token';
        yield part;
      }
    } finally {
      signal.removeEventListener('abort', abort);
      abort();
      this.#generations.delete(request.id);
    }
  }

  status(): Promise<EngineStatus> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#statuses.set(call, { resolve, reject });
      this.#post({ type: 'status', call });
    });
  }

  async close(graceMs: number): Promise<void> {
    if (this.#lost === undefined) this.#post({ type: 'close', graceMs });
    await this.#closed;
  }

  #post(message: Down): void {
    this.#worker.postMessage(message);
  }

  #receive(message: Up & { type: 'part' | 'status' }): void {
    if (message.type === 'part') {
      this.#generations.get(message.id)?.push(message.part);
      return;
    }
    this.#statuses.get(message.call)?.resolve(message.status);
    this.#statuses.delete(message.call);
  }

  #lose(error: Error): void {
    if (this.#lost !== undefined) return;
    this.#lost = error;
    for (const queue of this.#generations.values()) {
      queue.push({ type: 'error', error: fault('internal', error.message) });
    }
    for (const { reject } of this.#statuses.values()) reject(error);
    this.#statuses.clear();
  }
}
