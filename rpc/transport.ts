// The seam of a transport, over sockets or within one process: a caller's way to one peer, and the side that answers. Knows no
// experts.
//
// Worked example: a call that must be answered within 200 ms and is given up when its request is:
//   const answer = await transport.call('expert.run', { layer: 3, rows }, { deadlineMs: 200, signal })
//   // a lost connection, a passed deadline or an error answer rejects with RpcError
//
// Ownership: what is passed to `call` or returned by a handler is given away. Neither side changes it afterwards,
// because in one process both sides hold the same memory.
import type { RpcError } from './errors.ts';

export interface CallOptions {
  /** Milliseconds from now after which the answer is no longer wanted. */
  deadlineMs: number;
  signal?: AbortSignal;
  /** Travel on the connection for bulk rows, so that short calls do not wait behind this one. */
  bulk?: boolean;
}

/** A decoded MessagePack value. Floats travel as bytes (rows.ts), never as a typed array of their own. */
export type Value = null | boolean | number | string | Uint8Array | Value[] | { [key: string]: Value };

/** The parameters of a call: always a map. `deadlineMs` is put in by the transport. */
export type Params = { [key: string]: Value };

export interface Transport {
  /** The peer's answer to hello. */
  readonly greeting: Value;
  call(method: string, params: Params, options: CallOptions): Promise<Value>;
  /** One-way; lost without a word when the connection is. */
  notify(method: string, params: Params): void;
  /** Rejects what is pending; `onClose` is not called for it. */
  close(): void;
}

/** What a transport tells its owner unasked. */
export interface TransportEvents {
  onNotification?: (method: string, params: Params) => void;
  /** The peer or the way to it is lost; called at most once, after all pending calls were rejected. */
  onClose?: (error: RpcError) => void;
}

export interface HandlerContext {
  /** Aborts when the caller cancels or goes away. Made when it is first asked for: it costs more than `aborted`. */
  readonly signal: AbortSignal;
  readonly aborted: boolean;
  /** When the answer is no longer wanted, on the clock of `performance.now()`. */
  deadlineAt: number;
  /** What the caller said in the hello that let it in: its role, its version. */
  readonly hello?: Params;
  /** One for all calls of a connection; aborts when it ends. */
  readonly connection?: AbortSignal;
}

/** A method's implementation on the serving side. */
export type Handler = (params: Params, context: HandlerContext) => Promise<Value>;

/** The methods of a server. `hello` must be among them; `ping` and `cancel` are the session's own. */
export type Handlers = { [method: string]: Handler };

/** The side that answers. Each implementation has its own way to be reached. */
export interface TransportServer {
  /** One for each connection whose hello has been answered. */
  callers(): ConnectedCaller[];
  /** Notifies every caller. */
  broadcast(method: string, params: Params): void;
  /** Takes no more calls, lets running ones end for at most `graceMs` (10 s by default), then ends every connection. */
  close(options?: { graceMs?: number }): Promise<void>;
}

/** The other end of one connection. */
export interface ConnectedCaller {
  /** What it said in its hello. */
  hello: Params;
  /** Aborts when the connection ends; the same object as in the context of the caller's calls. */
  connection: AbortSignal;
  notify(method: string, params: Params): void;
}
