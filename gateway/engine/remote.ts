// The engine across a message port: one side serves an engine, the other side is an EngineClient.
import type { MessagePort } from 'node:worker_threads';
import { withRead } from '../constraints/specification.ts';
import { fault } from './faults.ts';
import type {
  EngineClient,
  EngineInfo,
  EngineStatus,
  GenerationPart,
  GenerationRequest,
  HeatReport,
} from './messages.ts';
import { isLast, PartQueue } from './part-queue.ts';

type Down =
  | { type: 'generate'; request: GenerationRequest }
  | { type: 'abort'; id: string }
  | { type: 'status'; call: number }
  | { type: 'heat'; call: number; options: { successors?: boolean } }
  | { type: 'charge'; tenant: string; ms: number }
  | { type: 'close'; graceMs: number };

type Up =
  | { type: 'info'; info: EngineInfo }
  | { type: 'part'; id: string; part: GenerationPart }
  | { type: 'status'; call: number; status: EngineStatus }
  | { type: 'heat'; call: number; report: HeatReport }
  | { type: 'closed' };

/** Most bytes of unread parts, all generations together. Beyond it, the generation that holds most fails. */
const MOST_UNREAD_BYTES = 128 * 2 ** 20;

/** What a client that reads too slowly is told. */
const unread = fault(
  'answer_memory',
  'the answer was made faster than it was taken, and waits in more memory than there is; ask for fewer choices or log-probabilities',
  { retryAfterMs: 1000 },
);

/** What clients are told about an unforeseen failure. The log has the cause. */
const broken = fault('internal', 'the engine has failed');

/** Serves `engine` over `port` and resolves when it has been closed. `onFault` is called if a generation throws. */
export async function serveEngine(
  port: MessagePort,
  engine: EngineClient,
  onFault: (cause: unknown) => void = () => {},
): Promise<void> {
  const aborts = new Map<string, AbortController>();
  const up = (message: Up) => port.postMessage(message);
  const generate = async (request: GenerationRequest) => {
    const abort = new AbortController();
    aborts.set(request.id, abort);
    try {
      for await (const part of engine.generate(request, abort.signal))
        up({ type: 'part', id: request.id, part });
    } catch (cause) {
      // Other requests go on.
      onFault(cause);
      up({ type: 'part', id: request.id, part: { type: 'error', error: broken } });
    } finally {
      aborts.delete(request.id);
    }
  };
  const closed = new Promise<void>((resolve, reject) => {
    port.on('message', (message: Down) => {
      switch (message.type) {
        case 'generate':
          return void generate(message.request);
        case 'abort':
          return aborts.get(message.id)?.abort();
        case 'charge':
          return engine.charge(message.tenant, message.ms);
        case 'status':
          return void engine
            .status()
            .then((status) => up({ type: 'status', call: message.call, status }))
            .catch(reject);
        case 'heat':
          return void engine
            .heat(message.options)
            .then((report) => up({ type: 'heat', call: message.call, report }))
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

/**
 * Resolves with the engine at the other end of `port` when it has started. `lost` resolves when the engine's thread has
 * ended: open generations then fail, and so does this call if the engine has not started.
 */
export async function connectEngine(
  port: MessagePort,
  lost: Promise<Error>,
  { mostUnread = MOST_UNREAD_BYTES }: { mostUnread?: number } = {},
): Promise<EngineClient> {
  const client = new RemoteEngine(port, lost, mostUnread);
  await client.started;
  return client;
}

/** Sends a grammar that has been read instead of its source, which may be large and would be copied for each choice. */
function withoutSource({ grammar, ...request }: GenerationRequest): GenerationRequest {
  if (grammar === undefined || request.constraint === undefined) return request;
  return { ...request, constraint: withRead(request.constraint, grammar) };
}

/** A call that waits for its answer. */
interface PendingCall<Answer> {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

class RemoteEngine implements EngineClient {
  readonly started: Promise<void>;
  readonly #port: MessagePort;
  readonly #mostUnread: number;
  readonly #generations = new Map<string, PartQueue>();
  readonly #statuses = new Map<number, PendingCall<EngineStatus>>();
  readonly #heats = new Map<number, PendingCall<HeatReport>>();
  readonly #closed: Promise<void>;
  #unread = 0;
  #calls = 0;
  #info: EngineInfo | undefined;
  #lost: Error | undefined;

  constructor(port: MessagePort, lost: Promise<Error>, mostUnread: number) {
    this.#port = port;
    this.#mostUnread = mostUnread;
    const started = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    this.started = started.promise;
    this.#closed = closed.promise;
    void lost.then((error) => {
      this.#lose(error);
      started.reject(error);
      closed.resolve();
    });
    port.on('message', (message: Up) => {
      switch (message.type) {
        case 'info':
          this.#info = message.info;
          return started.resolve();
        case 'part':
          this.#generations.get(message.id)?.push(message.part);
          return this.#limitUnread();
        case 'status':
          this.#statuses.get(message.call)?.resolve(message.status);
          return void this.#statuses.delete(message.call);
        case 'heat':
          this.#heats.get(message.call)?.resolve(message.report);
          return void this.#heats.delete(message.call);
        case 'closed':
          return closed.resolve();
        default:
          throw new Error(`unknown message ${JSON.stringify(message)} from the engine`);
      }
    });
  }

  get info(): EngineInfo {
    if (this.#info === undefined) throw new Error('the engine has not started');
    return this.#info;
  }

  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationPart> {
    if (this.#lost !== undefined) {
      yield { type: 'error', error: broken };
      return;
    }
    const queue = new PartQueue((change) => {
      this.#unread += change;
    });
    let done = false;
    const abort = () => {
      if (!done) this.#post({ type: 'abort', id: request.id });
      done = true;
      queue.end();
    };
    this.#generations.set(request.id, queue);
    this.#post({ type: 'generate', request: withoutSource(request) });
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      for await (const part of queue) {
        done = isLast(part);
        yield part;
      }
    } finally {
      signal.removeEventListener('abort', abort);
      abort();
      this.#generations.delete(request.id);
    }
  }

  /** Fails the generation that holds most unread parts, so that a reader that takes nothing cannot fill the memory. */
  #limitUnread(): void {
    if (this.#unread <= this.#mostUnread) return;
    const [first, ...others] = this.#generations;
    if (first === undefined) return;
    const [id, largest] = others.reduce((most, next) => (next[1].bytes > most[1].bytes ? next : most), first);
    this.#post({ type: 'abort', id });
    largest.fail({ type: 'error', error: unread });
  }

  charge(tenant: string, ms: number): void {
    if (this.#lost === undefined) this.#post({ type: 'charge', tenant, ms });
  }

  status(): Promise<EngineStatus> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#statuses.set(call, { resolve, reject });
      this.#post({ type: 'status', call });
    });
  }

  heat(options: { successors?: boolean } = {}): Promise<HeatReport> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#heats.set(call, { resolve, reject });
      this.#post({ type: 'heat', call, options });
    });
  }

  async close(graceMs: number): Promise<void> {
    if (this.#lost === undefined) this.#post({ type: 'close', graceMs });
    await this.#closed;
  }

  #post(message: Down): void {
    this.#port.postMessage(message);
  }

  #lose(error: Error): void {
    if (this.#lost !== undefined) return;
    this.#lost = error;
    for (const queue of this.#generations.values()) {
      queue.push({ type: 'error', error: broken });
    }
    for (const { reject } of this.#statuses.values()) reject(error);
    for (const { reject } of this.#heats.values()) reject(error);
    this.#statuses.clear();
    this.#heats.clear();
  }
}
