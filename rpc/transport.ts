// The interface of transports, over sockets or within one process: `Transport` for the side that calls, `TransportServer` for the
// side that answers. Knows no experts.
//
// Example: a call with a deadline of 200 ms that `signal` can cancel:
//   const answer = await transport.call('expert.run', { layer: 3, rows }, { deadlineMs: 200, signal })
//   // rejects with RpcError after a lost connection, a passed deadline or an error answer
//
// Ownership: a caller must not change values that it has passed to `call`, and a handler must not change values that it has
// returned, because both sides share their memory if they are in one process.
import type { Wire } from '../kernels/wires.ts';
import type { RpcError } from './errors.ts';

export interface CallOptions {
  /** Milliseconds from now until the call fails with `deadline`. */
  deadlineMs: number;
  signal?: AbortSignal;
  /** Sends the call over the second connection, so that short calls do not wait behind it. Default: false. */
  bulk?: boolean;
}

/** A decoded MessagePack value. Rows of floats are `Uint8Array`s (rows.ts). */
export type Value = null | boolean | number | string | Uint8Array | Value[] | { [key: string]: Value };

/** The parameters of a call. The transport adds `deadlineMs`. */
export type Params = { [key: string]: Value };

/** A connection over which the addon can exchange frames (socket/exchange.ts). */
export interface Line {
  readonly wire: Wire;
  /** An id for a request that the addon sends. */
  nextId(): number;
  /** Resolves with the answer to a request that the addon has sent. */
  answerTo(id: number, method: string, options: CallOptions): Promise<Value>;
}

export interface Transport {
  /** The peer's answer to hello. */
  readonly greeting: Value;
  call(method: string, params: Params, options: CallOptions): Promise<Value>;
  /** Undefined if the addon cannot exchange frames with the peer. `bulk`: as in `CallOptions`. */
  line?(bulk: boolean): Line | undefined;
  /** Sends a message without an answer. Does nothing if the connection is lost. */
  notify(method: string, params: Params): void;
  /** Rejects pending calls. Does not call `onClose`. */
  close(): void;
}

export interface TransportEvents {
  onNotification?: ((method: string, params: Params) => void) | undefined;
  /** Called at most once, when the connection is lost. Pending calls are rejected then, or answered or rejected a moment later. */
  onClose?: (error: RpcError) => void;
}

export interface HandlerContext {
  /** Aborts when the caller cancels the call or disconnects. Created on first use, because it costs more than `aborted`. */
  readonly signal: AbortSignal;
  readonly aborted: boolean;
  /** When the call's deadline passes, on the clock of `performance.now()`. */
  deadlineAt: number;
  /** Parameters of the caller's hello. */
  readonly hello?: Params;
  /** Aborts when the connection ends. All calls of a connection have the same object. */
  readonly connection?: AbortSignal;
}

/** Implements a method on the answering side. */
export type Handler = (params: Params, context: HandlerContext) => Promise<Value>;

/** The methods of a server. `hello` is required. Sessions handle `ping` and `cancel` themselves. */
export type Handlers = { [method: string]: Handler };

export interface TransportServer {
  /** One entry for each connection whose hello has been answered. */
  callers(): ConnectedCaller[];
  /** Notifies every caller. */
  broadcast(method: string, params: Params): void;
  /** Refuses new calls, gives running calls up to `graceMs` (default: 10 s) to end, and then ends every connection. */
  close(options?: { graceMs?: number }): Promise<void>;
}

/** A caller, as the answering side sees it. */
export interface ConnectedCaller {
  /** Parameters of the caller's hello. */
  hello: Params;
  /** Aborts when the connection ends; the same object as in the context of the caller's calls. */
  connection: AbortSignal;
  notify(method: string, params: Params): void;
}
