// The serving side of one connection: hello first, then calls, each with a signal that aborts when its caller cancels
// or goes away. Knows no sockets and no bytes, and of methods only `hello`, `ping` and `cancel`.
import { RpcError, toRpcError } from './errors.ts';
import type { Message } from './messages.ts';
import type { Handler, HandlerContext, Handlers, Params, Value } from './transport.ts';

export interface SessionOptions {
  handlers: Handlers;
  /** Throws where the message cannot travel. */
  send: (message: Message) => void;
  /** The peer broke the protocol, or its hello was refused: close the connection once what was sent is out. */
  refuse: (error: RpcError) => void;
  /** Calls that may be unanswered at a time; one more is answered `busy`. */
  maxRunning?: number;
  /** Told of errors that a handler did not foresee. */
  onError?: (error: RpcError, method: string) => void;
}

/** Longest time a caller may ask for; a call without a deadline gets this one. */
const longestDeadlineMs = 600_000;
const busyRetryMs = 50;

export class Session {
  readonly #options: SessionOptions;
  readonly #maxRunning: number;
  readonly #running = new Map<number, Call>();
  #state: 'new' | 'greeting' | 'open' | 'closed' = 'new';
  #draining = false;
  #onIdle: (() => void)[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#maxRunning = options.maxRunning ?? 1024;
  }

  /** Hello has been answered well. */
  get open(): boolean {
    return this.#state === 'open';
  }

  receive(message: Message): void {
    if (this.#state === 'closed') return;
    if (message.type === 'request') this.#request(message);
    else if (message.type === 'response') this.#refuse('a response came to the side that answers');
    else if (message.method === 'cancel') this.#cancel(message.params);
    // Other notifications are for later versions.
  }

  /** New calls are answered `draining` from now on. */
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

  /** The caller is gone: aborts all of its calls. */
  abandon(reason: RpcError): void {
    this.#state = 'closed';
    for (const call of this.#running.values()) call.abort(reason);
  }

  #request({ id, method, params }: Extract<Message, { type: 'request' }>): void {
    if (this.#running.has(id)) {
      this.#refuse(`request id ${id} is still in use`);
    } else if (this.#state === 'new' && method === 'hello') {
      this.#state = 'greeting';
      void this.#run(id, method, params);
    } else if (this.#state !== 'open') {
      this.#refuse('hello must be the first message, and its answer be awaited', id);
    } else if (method === 'ping') {
      this.#answer(id, {});
    } else if (this.#draining) {
      this.#answerError(id, new RpcError('draining', 'this peer is leaving service'));
    } else if (this.#running.size >= this.#maxRunning) {
      const message = `${this.#running.size} calls of this connection are unanswered, which is the limit`;
      this.#answerError(id, new RpcError('busy', message, { retryAfterMs: busyRetryMs }));
    } else {
      void this.#run(id, method, params);
    }
  }

  /** Ends in exactly one answer, whatever the handler does. */
  async #run(id: number, method: string, params: Params): Promise<void> {
    const call = new Call();
    this.#running.set(id, call);
    try {
      const deadlineMs = parseDeadline(params);
      if (deadlineMs <= 0) throw new RpcError('deadline', `${method} came with no time left`);
      call.deadlineAt = performance.now() + deadlineMs;
      const result = await this.#handler(method)(params, call);
      this.#answer(id, result); // throws if the result cannot travel
      if (this.#state === 'greeting') this.#state = 'open';
    } catch (cause) {
      const error = toRpcError(cause);
      if (error.code === 'internal') this.#options.onError?.(error, method);
      this.#answerError(id, error);
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
      throw new RpcError('unknown_method', `there is no method ${JSON.stringify(method)}`);
    }
    return handler;
  }

  #answer(id: number, result: Value): void {
    if (this.#state !== 'closed') this.#options.send({ type: 'response', id, error: undefined, result });
  }

  #answerError(id: number, error: RpcError): void {
    if (this.#state !== 'closed') this.#options.send({ type: 'response', id, error, result: null });
  }

  #cancel({ id }: Params): void {
    if (typeof id !== 'number') this.#refuse('cancel must name the id of a request');
    else this.#running.get(id)?.abort(new RpcError('cancelled', 'cancelled by its caller'));
  }

  /** The peer broke the protocol; with `id`, that request is answered first. */
  #refuse(message: string, id?: number): void {
    const error = new RpcError('invalid', message);
    if (id !== undefined) this.#answerError(id, error);
    this.#end(error);
  }

  #end(error: RpcError): void {
    this.abandon(error);
    this.#options.refuse(error);
  }
}

class Call implements HandlerContext {
  deadlineAt = Number.POSITIVE_INFINITY;
  #controller: AbortController | undefined;
  #reason: RpcError | undefined;

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

function parseDeadline({ deadlineMs = longestDeadlineMs }: Params): number {
  if (typeof deadlineMs !== 'number' || Number.isNaN(deadlineMs)) {
    throw new RpcError('invalid', 'deadlineMs must be a number of milliseconds');
  }
  return Math.min(deadlineMs, longestDeadlineMs);
}
