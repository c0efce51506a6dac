// The calling side of one connection: sends calls, and ends each with an answer, an error or its deadline. Knows no sockets.
import { afterSockets } from './deadline.ts';
import { RpcError } from './errors.ts';
import type { Message } from './messages.ts';
import type { CallOptions, Params, Value } from './transport.ts';

interface Pending {
  method: string;
  deadlineMs: number;
  /** On the clock of `performance.now()`. */
  deadlineAt: number;
  resolve: (result: Value) => void;
  reject: (error: RpcError) => void;
  /** Removes the listener from the caller's signal. */
  release: () => void;
}

export class Caller {
  readonly #send: (message: Message) => void;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #lost: RpcError | undefined;
  /** When the timer fires next. One timer serves all pending calls. */
  #judgeAt = Number.POSITIVE_INFINITY;
  #callOffJudgement: () => void = () => {};

  constructor(send: (message: Message) => void) {
    this.#send = send;
  }

  get pending(): number {
    return this.#pending.size;
  }

  call(method: string, params: Params, { deadlineMs, signal }: CallOptions): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) return reject(this.#lost);
      if (signal?.aborted)
        return reject(new RpcError('cancelled', `${method} was cancelled before it was sent`));
      if (!(deadlineMs > 0)) {
        return reject(new RpcError('deadline', `${method} had no time left when it was to be sent`));
      }
      const id = this.nextId();
      this.#send({ type: 'request', id, method, params: { ...params, deadlineMs: Math.ceil(deadlineMs) } });
      this.#await(id, method, { deadlineMs, signal }, { resolve, reject });
    });
  }

  /** Resolves with the answer to a request that was sent under an id from `nextId`. */
  answerTo(id: number, method: string, options: CallOptions): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) return reject(this.#lost);
      this.#await(id, method, options, { resolve, reject });
      if (options.signal?.aborted) this.#giveUp(id, cancelled(method));
    });
  }

  /** An id that no pending call has. */
  nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }

  /** Settles the call that the response answers. Drops the response if the call has already failed. */
  settle({ id, error, result }: Extract<Message, { type: 'response' }>): void {
    const pending = this.#take(id);
    if (pending === undefined) return;
    if (error === undefined) pending.resolve(result);
    else pending.reject(error);
  }

  /** Rejects all later calls. Pending calls may still be answered. */
  refuse(error: RpcError): void {
    this.#lost ??= error;
  }

  /** To be called when the connection is lost. Rejects all pending and all later calls. */
  fail(error: RpcError): void {
    this.#lost ??= error;
    this.#callOffJudgement();
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
  }

  #await(
    id: number,
    method: string,
    { deadlineMs, signal }: CallOptions,
    { resolve, reject }: Pick<Pending, 'resolve' | 'reject'>,
  ): void {
    const onAbort = () => this.#giveUp(id, cancelled(method));
    signal?.addEventListener('abort', onAbort, { once: true });
    const release = () => signal?.removeEventListener('abort', onAbort);
    const deadlineAt = performance.now() + deadlineMs;
    this.#pending.set(id, { method, deadlineMs, deadlineAt, resolve, reject, release });
    this.#judgeBy(deadlineAt);
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.release();
    return pending;
  }

  #giveUp(id: number, error: RpcError): void {
    const pending = this.#take(id);
    if (pending === undefined) return;
    pending.reject(error);
    this.#send({ type: 'notification', method: 'cancel', params: { id } });
  }

  #judgeBy(at: number): void {
    if (at >= this.#judgeAt) return;
    this.#callOffJudgement();
    this.#judgeAt = at;
    this.#callOffJudgement = afterSockets(at - performance.now(), (firedAt) => this.#judge(firedAt));
  }

  #judge(firedAt: number): void {
    this.#judgeAt = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const [id, { method, deadlineMs, deadlineAt }] of this.#pending) {
      if (deadlineAt > firedAt) next = Math.min(next, deadlineAt);
      else this.#giveUp(id, new RpcError('deadline', `${method} was not answered within ${deadlineMs} ms`));
    }
    if (next !== Number.POSITIVE_INFINITY) this.#judgeBy(next);
  }
}

function cancelled(method: string): RpcError {
  return new RpcError('cancelled', `${method} was cancelled by its caller`);
}
