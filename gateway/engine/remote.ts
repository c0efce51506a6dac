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
  KvPrefix,
  PushingEngine,
} from './messages.ts';
import { isLast, PartStream } from './part-stream.ts';

type Down =
  | { type: 'generate'; request: GenerationRequest }
  | { type: 'abort'; id: string }
  | { type: 'status'; call: number }
  | { type: 'heat'; call: number; options: { successors?: boolean } }
  | { type: 'readPrefix'; call: number; id: string; first: number }
  | { type: 'writePrefix'; call: number; prefix: KvPrefix }
  | { type: 'charge'; tenant: string; ms: number }
  | { type: 'close'; graceMs: number };

type Answer = EngineStatus | HeatReport | KvPrefix | boolean | undefined;

/** A part, and the id of its generation. */
type Sent = readonly [id: string, part: GenerationPart];

type Up =
  | { type: 'info'; info: EngineInfo }
  /** In the order in which the parts arose. */
  | { type: 'parts'; parts: readonly Sent[] }
  | { type: 'answer'; call: number; answer: Answer }
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

/**
 * Collects parts and sends them in one message as soon as the running code has ended. All tokens of a step (with micro-batches: of
 * each micro-batch) go in one message, because each message wakes the other thread. No part waits for another event.
 */
class Outbox {
  #parts: Sent[] = [];
  readonly #send: (parts: readonly Sent[]) => void;

  constructor(send: (parts: readonly Sent[]) => void) {
    this.#send = send;
  }

  add(sent: Sent): void {
    if (this.#parts.push(sent) === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const parts = this.#parts;
    this.#parts = [];
    this.#send(parts);
  }
}

/** Serves `engine` over `port`. Resolves when the engine has been closed. `onFault` is called if a generation throws. */
export async function serveEngine(
  port: MessagePort,
  engine: PushingEngine,
  onFault: (cause: unknown) => void = () => {},
): Promise<void> {
  /** Functions that stop the open generations, by id. */
  const stops = new Map<string, () => void>();
  const up = (message: Up) => port.postMessage(message);
  const outbox = new Outbox((parts) => up({ type: 'parts', parts }));
  const generate = (request: GenerationRequest) => {
    const { id } = request;
    let ended = false;
    const onPart = (part: GenerationPart) => {
      outbox.add([id, part]);
      if (!isLast(part)) return;
      ended = true;
      stops.delete(id);
    };
    try {
      const stop = engine.start(request, onPart);
      if (!ended) stops.set(id, stop);
    } catch (cause) {
      // Only this generation fails; the others continue.
      onFault(cause);
      onPart({ type: 'error', error: broken });
    }
  };
  const abort = (id: string) => {
    stops.get(id)?.();
    stops.delete(id);
  };
  const answer = async (call: number, found: Promise<Answer>) => {
    const known = await found;
    const moved = typeof known === 'object' && 'bytes' in known ? [known.bytes.buffer] : [];
    port.postMessage({ type: 'answer', call, answer: known } satisfies Up, moved);
  };
  const closed = new Promise<void>((resolve, reject) => {
    port.on('message', (message: Down) => {
      switch (message.type) {
        case 'generate':
          return generate(message.request);
        case 'abort':
          return abort(message.id);
        case 'charge':
          return engine.charge(message.tenant, message.ms);
        case 'status':
          return void answer(message.call, engine.status()).catch(reject);
        case 'heat':
          return void answer(message.call, engine.heat(message.options)).catch(reject);
        case 'readPrefix':
          return void answer(message.call, engine.readPrefix(message.id, message.first)).catch(reject);
        case 'writePrefix':
          return void answer(message.call, engine.writePrefix(message.prefix)).catch(reject);
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
  readonly #generations = new Map<string, PartStream>();
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
      started.reject(error);
      // After the parts that came before.
      setImmediate(() => {
        this.#lose(error);
        closed.resolve();
      });
    });
    port.on('message', (message: Up) => {
      switch (message.type) {
        case 'info':
          this.#info = message.info;
          return started.resolve();
        case 'parts':
          return this.#take(message.parts);
        case 'answer':
          this.#calls.get(message.call)?.resolve(message.answer);
          return void this.#calls.delete(message.call);
        case 'closed':
          return void setImmediate(closed.resolve);
        default:
          throw new Error(`unknown message ${JSON.stringify(message)} from the engine`);
      }
    });
  }

  get info(): EngineInfo {
    if (this.#info === undefined) throw new Error('the engine has not started');
    return this.#info;
  }

  generate(request: GenerationRequest, signal: AbortSignal): AsyncIterable<GenerationPart> {
    return new PartStream({
      signal,
      begin: (stream) => this.#begin(request, stream),
      onBytes: (change) => {
        this.#unread += change;
      },
    });
  }

  #begin(request: GenerationRequest, stream: PartStream): (whole: boolean) => void {
    if (this.#lost !== undefined) {
      stream.push({ type: 'error', error: broken });
      return () => {};
    }
    const { id } = request;
    this.#generations.set(id, stream);
    this.#post({ type: 'generate', request: withoutSource(request) });
    return (whole) => {
      if (!whole) this.#post({ type: 'abort', id });
      this.#generations.delete(id);
    };
  }

  /**
   * Pushes each part in a callback of its own, all in this turn of the event loop. So one reader does all its work, up to the write to its
   * socket, before the next reader begins. In one callback, each reader would wait for all of them.
   */
  #take(parts: readonly Sent[]): void {
    for (const [id, part] of parts) setImmediate(() => this.#push(id, part));
  }

  #push(id: string, part: GenerationPart): void {
    this.#generations.get(id)?.push(part);
    if (this.#unread > this.#mostUnread) this.#failLargest();
  }

  /** Fails the generation with most unread bytes, so that a client that does not read cannot fill the memory. */
  #failLargest(): void {
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

  async readPrefix(id: string, first: number): Promise<KvPrefix | undefined> {
    return (await this.#call((call) => ({ type: 'readPrefix', call, id, first }))) as KvPrefix | undefined;
  }

  async writePrefix(prefix: KvPrefix): Promise<boolean> {
    return (await this.#call((call) => ({ type: 'writePrefix', call, prefix }))) as boolean;
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
