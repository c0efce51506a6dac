// The seam of a transport, over sockets or within one process: a caller's way to one peer, and the side that answers. Knows no
// experts.
//
// Example: a call that must be answered within 200 ms, and is cancelled with its request:
//   const answer = await transport.call('expert.run', { layer: 3, rows }, { deadlineMs: 200, signal })
//   // a lost connection, a passed deadline or an error answer rejects with RpcError
//
// Ownership: values passed to `call` or returned by a handler are given away. Neither side changes them afterwards, because in
// one process both sides hold the same memory.
import type { RpcError } from './errors.ts';

export interface CallOptions {
  /** Milliseconds from now until the call fails with `deadline`. */
  deadlineMs: number;
  signal?: AbortSignal;
  /** Use the second connection, so that short calls do not wait behind this large one. */
  bulk?: boolean;
}

/** A decoded MessagePack value. Rows of floats are bytes (rows.ts), never typed arrays. */
export type Value = null | boolean | number | string | Uint8Array | Value[] | { [key: string]: Value };

/** The parameters of a call: always a map. The transport adds `deadlineMs`. */
export type Params = { [key: string]: Value };

export interface Transport {
  /** The peer's answer to hello. */
  readonly greeting: Value;
  call(method: string, params: Params, options: CallOptions): Promise<Value>;
  /** One-way; dropped silently if the connection is lost. */
  notify(method: string, params: Params): void;
  /** Rejects pending calls. `onClose` is not called. */
  close(): void;
}

/** What a transport tells its owner. */
export interface TransportEvents {
  onNotification?: (method: string, params: Params) => void;
  /** The peer or the connection is lost. Called at most once, after all pending calls were rejected. */
  onClose?: (error: RpcError) => void;
}

export interface HandlerContext {
  /** Aborts when the caller cancels or goes away. Created on first use, because it costs more than `aborted`. */
  readonly signal: AbortSignal;
  readonly aborted: boolean;
  /** When the call's deadline passes, on the clock of `performance.now()`. */
  deadlineAt: number;
  /** The caller's hello: its role, its version. */
  readonly hello?: Params;
  /** Aborts when the connection ends; one for all calls of a connection. */
  readonly connection?: AbortSignal;
}

/** A method's implementation on the answering side. */
export type Handler = (params: Params, context: HandlerContext) => Promise<Value>;

/** The methods of a server. `hello` must be among them; sessions answer `ping` and `cancel` themselves. */
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
