// The answering side of one connection: runs the handlers of hello and then of calls. Each call has a signal that aborts when the
// caller cancels the call or disconnects. Handles `challenge`, `ping` and `cancel` itself. Knows no sockets.
import { quoted } from '../base/text.ts';
import { RpcError, toRpcError } from './errors.ts';
import { isMap, type Message } from './messages.ts';
import { HelloGate } from './security/hello-gate.ts';
import type { Handler, HandlerContext, Handlers, Params, Value } from './transport.ts';

export interface SessionOptions {
  handlers: Handlers;
  /** Checks the credentials in hello. Default: every caller may say hello. */
  gate?: HelloGate;
  /** Called when the credentials were accepted. Throws if there is no room for another caller. */
  onAuthenticated?: () => void;
  /** Called when hello has been answered without an error. */
  onOpen?: () => void;
  /** Whether a call with this id was taken out of the stream and has not run yet (serving.ts). */
  hasServed?: (id: number) => boolean;
  /** Drops such a call. Returns false if there is none. */
  cancelServed?: (id: number) => boolean;
  /** Throws if the message cannot be encoded. */
  send: (message: Message) => void;
  /** Called if the caller broke the protocol or its hello was refused. Must close the connection once everything is sent. */
  refuse: (error: RpcError) => void;
  /** Most unanswered calls. Further calls are answered with `busy`. Default: 1024. */
  maxRunning?: number | undefined;
  /** Called with unexpected errors of handlers. */
  onError?: ((error: RpcError, method: string) => void) | undefined;
}

/** Longest deadline of a call. Also the default. */
const LONGEST_DEADLINE_MS = 600_000;
/** `retryAfterMs` of the error `busy`. */
const BUSY_RETRY_MS = 50;

export class Session {
  readonly #options: SessionOptions;
  readonly #gate: HelloGate;
  readonly #maxRunning: number;
  readonly #running = new Map<number, Call>();
  #state: 'new' | 'greeting' | 'open' | 'closed' = 'new';
  #draining = false;
  #helloParams: Params = {};
  #onIdle: (() => void)[] = [];
  readonly #connection = new AbortController();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#gate = options.gate ?? new HelloGate();
    this.#maxRunning = options.maxRunning ?? 1024;
  }

  /** True once hello has been answered without an error. */
  get open(): boolean {
    return this.#state === 'open';
  }

  /** Parameters of the accepted hello; empty before. */
  get hello(): Params {
    return this.#helloParams;
  }

  /** Aborts when the connection ends. */
  get connection(): AbortSignal {
    return this.#connection.signal;
  }

  receive(message: Message): void {
    if (this.#state === 'closed') return;
    if (message.type === 'request') this.#request(message);
    else if (message.type === 'response')
      this.#refuse(new RpcError('invalid', 'a response came to the side that answers'));
    else if (message.method === 'cancel') this.#cancel(message.params);
    // Other notifications are ignored, because later versions may send them.
  }

  /** Answers new calls with `draining` from now on. */
  drain(): void {
    this.#draining = true;
  }

  /** Resolves when no call is running. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#running.size === 0) resolve();
      else this.#onIdle.push(resolve);
    });
  }

  /** To be called when the connection ends. Aborts all calls. */
  abandon(reason: RpcError): void {
    this.#state = 'closed';
    this.#connection.abort(reason);
    for (const call of this.#running.values()) call.abort(reason);
  }

  #request({ id, method, params }: Extract<Message, { type: 'request' }>): void {
    if (this.#running.has(id) || this.#options.hasServed?.(id)) {
      this.#refuse(new RpcError('invalid', `request id ${id} is still in use`));
    } else if (this.#state !== 'open') {
      this.#greet(id, method, params);
    } else if (method === 'ping') {
      this.#answer(id, {});
    } else if (this.#draining) {
      this.#answer(id, null, new RpcError('draining', 'this peer is leaving service'));
    } else if (this.#running.size >= this.#maxRunning) {
      const message = `${this.#running.size} calls of this connection are unanswered, which is the limit`;
      this.#answer(id, null, new RpcError('busy', message, { retryAfterMs: BUSY_RETRY_MS }));
    } else {
      void this.#run(id, method, params);
    }
  }

  #greet(id: number, method: string, params: Params): void {
    if (this.#state === 'new' && method === 'hello') {
      this.#state = 'greeting';
      void this.#run(id, method, params, (hello, call) => this.#hello(hello, call));
    } else if (this.#state === 'new' && method === 'challenge') {
      try {
        this.#answer(id, this.#gate.challenge(params));
      } catch (cause) {
        this.#refuse(toRpcError(cause), id);
      }
    } else {
      this.#refuse(new RpcError('invalid', 'hello must be the first message, and its answer be awaited'), id);
    }
  }

  /** Rejects before the handler runs if the caller lacks the right credentials. Such a caller must not get this side's proof. */
  async #hello(params: Params, call: HandlerContext): Promise<Value> {
    const proof = this.#gate.admit(params);
    this.#options.onAuthenticated?.();
    const answer = await this.#handler('hello')(params, call);
    this.#helloParams = params;
    return proof !== undefined && isMap(answer) ? { ...answer, proof } : answer;
  }

  /** Sends exactly one answer, whatever the handler does. */
  async #run(id: number, method: string, params: Params, handler?: Handler): Promise<void> {
    const call = new Call(this.#helloParams, this.#connection.signal);
    this.#running.set(id, call);
    try {
      const deadlineMs = parseDeadline(params);
      if (deadlineMs <= 0) throw new RpcError('deadline', `${method} came with no time left`);
      call.deadlineAt = performance.now() + deadlineMs;
      const result = await (handler ?? this.#handler(method))(params, call);
      this.#answer(id, result); // throws if the result cannot be encoded
      if (this.#state === 'greeting') {
        this.#state = 'open';
        this.#options.onOpen?.();
      }
    } catch (cause) {
      const error = toRpcError(cause);
      if (error.code === 'internal') this.#options.onError?.(error, method);
      this.#answer(id, null, error);
      if (this.#state === 'greeting') this.#end(error);
    }
    this.#running.delete(id);
    if (this.#running.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #handler(method: string): Handler {
    const handler = Object.hasOwn(this.#options.handlers, method)
      ? this.#options.handlers[method]
      : undefined;
    if (handler === undefined) {
      throw new RpcError('unknown_method', `there is no method ${quoted(method)}`);
    }
    return handler;
  }

  #answer(id: number, result: Value, error?: RpcError): void {
    if (this.#state !== 'closed') this.#options.send({ type: 'response', id, error, result });
  }

  #cancel({ id }: Params): void {
    if (typeof id !== 'number') this.#refuse(new RpcError('invalid', 'cancel must name the id of a request'));
    else {
      const reason = new RpcError('cancelled', 'cancelled by its caller');
      this.#running.get(id)?.abort(reason);
      if (this.#options.cancelServed?.(id)) this.#answer(id, null, reason);
    }
  }

  /** Ends a connection whose caller broke the protocol. `id`: a request that is answered with the error first. */
  #refuse(error: RpcError, id?: number): void {
    if (id !== undefined) this.#answer(id, null, error);
    this.#end(error);
  }

  #end(error: RpcError): void {
    this.abandon(error);
    this.#options.refuse(error);
  }
}

class Call implements HandlerContext {
  readonly hello: Params;
  readonly connection: AbortSignal;
  deadlineAt = Number.POSITIVE_INFINITY;
  #controller: AbortController | undefined;
  #reason: RpcError | undefined;

  constructor(hello: Params, connection: AbortSignal) {
    this.hello = hello;
    this.connection = connection;
  }

  get aborted(): boolean {
    return this.#reason !== undefined;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  abort(reason: RpcError): void {
    this.#reason ??= reason;
    this.#controller?.abort(reason);
  }
}

function parseDeadline({ deadlineMs = LONGEST_DEADLINE_MS }: Params): number {
  if (typeof deadlineMs !== 'number' || Number.isNaN(deadlineMs)) {
    throw new RpcError('invalid', 'deadlineMs must be a number of milliseconds');
  }
  return Math.min(deadlineMs, LONGEST_DEADLINE_MS);
}
