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
  | { type: 'answer'; call: number; answer: EngineStatus | HeatReport }
  | { type: 'closed' };

/** Most bytes of unread parts, all generations together. Beyond this, the generation with most unread bytes fails. */
const MOST_UNREAD_BYTES = 128 * 2 ** 20;

/** The error for a client that reads too slowly. */
const unread = fault(
  'answer_memory',
  'the answer was read too slowly: its unread part takes too much memory; read faster, or ask for fewer choices or log-probabilities',
  { retryAfterMs: 1000 },
);

/** The error that clients receive after an unforeseen failure. The cause is only logged. */
const broken = fault('internal', 'the engine has failed');

/** Serves `engine` over `port`. Resolves when the engine has been closed. `onFault` is called if a generation throws. */
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
      // Only this generation fails; the others continue.
      onFault(cause);
      up({ type: 'part', id: request.id, part: { type: 'error', error: broken } });
    } finally {
      aborts.delete(request.id);
    }
  };
  const answer = async (call: number, found: Promise<EngineStatus | HeatReport>) =>
    up({ type: 'answer', call, answer: await found });
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
          return void answer(message.call, engine.status()).catch(reject);
        case 'heat':
          return void answer(message.call, engine.heat(message.options)).catch(reject);
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
 * Resolves with the engine at the other end of `port` when the engine has started. The caller resolves `lost` when the
 * engine's thread has ended. Open generations then fail, and this function rejects if the engine has not started.
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

/** Replaces the constraint's source by the parsed grammar. The source may be large, and would be copied for each choice. */
function withoutSource({ grammar, ...request }: GenerationRequest): GenerationRequest {
  if (grammar === undefined || request.constraint === undefined) return request;
  return { ...request, constraint: withRead(request.constraint, grammar) };
}

class RemoteEngine implements EngineClient {
  readonly started: Promise<void>;
  readonly #port: MessagePort;
  readonly #mostUnread: number;
  readonly #generations = new Map<string, PartQueue>();
  /** Calls that wait for their answers, by number. */
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #closed: Promise<void>;
  /** Bytes of the unread parts of all generations. */
  #unread = 0;
  #lastCall = 0;
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
        case 'answer':
          this.#calls.get(message.call)?.resolve(message.answer);
          return void this.#calls.delete(message.call);
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

  /** Fails the generation with most unread bytes, so that a client that does not read cannot fill the memory. */
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

  async status(): Promise<EngineStatus> {
    return (await this.#call((call) => ({ type: 'status', call }))) as EngineStatus;
  }

  async heat(options: { successors?: boolean } = {}): Promise<HeatReport> {
    return (await this.#call((call) => ({ type: 'heat', call, options }))) as HeatReport;
  }

  #call(messageOf: (call: number) => Down): Promise<unknown> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const call = ++this.#lastCall;
    const answer = Promise.withResolvers<unknown>();
    this.#calls.set(call, answer);
    this.#post(messageOf(call));
    return answer.promise;
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
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}
