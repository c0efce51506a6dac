// The other end of an engine's message port: an EngineClient.
import type { MessagePort } from 'node:worker_threads';
import { withRead } from '../../constraints/specification.ts';
import { fault } from '../faults.ts';
import { type EngineLoad, LoadBoard } from '../load.ts';
import type {
  EngineClient,
  EngineInfo,
  EngineStatus,
  GenerationPart,
  GenerationRequest,
  HeatReport,
  KvPrefix,
  OnDrop,
} from '../messages.ts';
import { PartStream } from '../part-stream.ts';
import { broken, type Down, type Sent, type Up } from './port-messages.ts';

/** Most bytes of unread parts, all generations together. Beyond this, the generation with most unread bytes fails. */
const MOST_UNREAD_BYTES = 128 * 2 ** 20;

/** The error for a client that reads too slowly. */
const unread = fault(
  'answer_memory',
  'the answer was read too slowly: its unread part takes too much memory; read faster, or ask for fewer choices or log-probabilities',
  { retryAfterMs: 1000 },
);

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
  #found: { info: EngineInfo; board: LoadBoard } | undefined;
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
          this.#found = { info: message.info, board: new LoadBoard(message.board) };
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

  get #engine() {
    if (this.#found === undefined) throw new Error('the engine has not started');
    return this.#found;
  }

  get info(): EngineInfo {
    return this.#engine.info;
  }

  generate(request: GenerationRequest, signal: AbortSignal, onDrop?: OnDrop): AsyncIterable<GenerationPart> {
    return new PartStream({
      signal,
      onDrop,
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

  load(): EngineLoad {
    return this.#engine.board.read();
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
