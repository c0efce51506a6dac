// A connected socket as a stream of bytes. Node's sockets (stream-socket.ts) also do TLS; the addon's wires (wire-socket.ts) have
// the fast path of a hop.
import type { Wire } from '../../kernels/wires.ts';
import { RpcError } from '../errors.ts';
import type { CallServing } from './serving.ts';

export interface ByteSocketEvents {
  onBytes(bytes: Uint8Array): void;
  /** A whole frame that was taken out of the stream to be served, and must be handled here instead. */
  onFrame(frame: Uint8Array): void;
  /** Called exactly once. `cause`: why the connection has failed; undefined if either side has ended it. */
  onClose(cause?: Error): void;
}

export interface ByteSocket {
  readonly received: number;
  readonly sent: number;
  /** Undefined if hops cannot be exchanged over this socket. */
  readonly wire: Wire | undefined;
  /** Does nothing on a closed socket. */
  write(bytes: Uint8Array): void;
  /** Closes the connection when everything is sent and the peer has closed its side. */
  end(): void;
  destroy(cause?: Error): void;
  /** Lets `serving` answer calls on this socket. Does nothing if this kind of socket has no fast path. */
  serve(serving: CallServing): void;
  /** Whether `serving` has taken a call with this id and not run it yet. */
  hasServed(id: number): boolean;
  /** Drops a call that `serving` has taken and not run yet. Returns false if there is none. */
  cancelServed(id: number): boolean;
}

export interface ByteSocketOptions extends ByteSocketEvents {
  /** The connection is cut if more than this number of bytes wait to be sent. */
  mostUnsent: number;
}

/** The error of a connection whose peer does not read. */
export function unreadError(): RpcError {
  return new RpcError('unavailable', 'the peer does not read what it is sent');
}
