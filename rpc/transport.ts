// The seam of a transport: one caller's way to one shard, by socket or in the same process. Knows no experts.
//
// Worked example: a call that must be answered within 200 ms and is given up when its request is:
//   const answer = await transport.call('expert.run', params, { deadlineMs: 200, signal })
//   // a lost connection, a passed deadline or an error answer rejects with RpcError

export interface CallOptions {
  /** Milliseconds from now after which the answer is no longer wanted. */
  deadlineMs: number;
  signal?: AbortSignal;
  /** Travel on the connection for bulk rows, so that short calls do not wait behind this one. */
  bulk?: boolean;
}

/** A decoded MessagePack value. */
export type Value = null | boolean | number | string | Uint8Array | Value[] | { [key: string]: Value };

export interface Transport {
  call(method: string, params: Value, options: CallOptions): Promise<Value>;
  /** One-way; lost without a word when the connection is. */
  notify(method: string, params: Value): void;
  close(): void;
}

/** A method's implementation on the serving side. `signal` aborts when the caller cancels or goes away. */
export type Handler = (params: Value, context: { signal: AbortSignal; deadlineAt: number }) => Promise<Value>;
