// Sends and receives messages as frames over one socket. Knows no calls and no methods.
import type { Socket } from 'node:net';
import type { Wire } from '../../kernels/wires.ts';
import { decodeMessage, encodeMessage } from '../codec.ts';
import { afterSockets } from '../deadline.ts';
import { RpcError, toRpcError } from '../errors.ts';
import { defaultFrameBytes, FrameSplitter, headerBytes, writeFrameHeader } from '../frame.ts';
import { errorToValue, type Message, parseError } from '../messages.ts';
import { lossCode } from '../security/tls.ts';
import type { ByteSocket } from './byte-socket.ts';
import type { CallServing } from './serving.ts';
import { StreamSocket } from './stream-socket.ts';
import { openWireSocket } from './wire-socket.ts';

export interface MessageSocketOptions {
  /** Default: `defaultFrameBytes`. */
  maxFrameBytes?: number | undefined;
  /** Largest frame before `trust` is called. Default: `maxFrameBytes`. */
  untrustedFrameBytes?: number;
  /** Answers calls without `onMessage` once `trust` was called. */
  serving?: CallServing | undefined;
  onMessage: (message: Message) => void;
  /** Called exactly once, when the socket has closed for any reason. */
  onClose: (error: RpcError) => void;
}

/** After `end`, how long the peer may take to read the last message before the connection is cut. */
const LAST_MESSAGE_MS = 1_000;
/** The connection is cut if the unsent bytes exceed this multiple of the largest frame. */
const MAX_UNREAD_FRAMES = 4;

export class MessageSocket {
  readonly #socket: ByteSocket;
  readonly #options: MessageSocketOptions;
  readonly #maxFrameBytes: number;
  readonly #splitter: FrameSplitter;
  #ending = false;
  #reason: RpcError | undefined;
  #callOffCut: () => void = () => {};

  constructor(socket: Socket, options: MessageSocketOptions) {
    this.#options = options;
    this.#maxFrameBytes = options.maxFrameBytes ?? defaultFrameBytes;
    this.#splitter = new FrameSplitter(
      Math.min(options.untrustedFrameBytes ?? this.#maxFrameBytes, this.#maxFrameBytes),
    );
    const bytes = {
      mostUnsent: MAX_UNREAD_FRAMES * this.#maxFrameBytes,
      onBytes: (chunk: Uint8Array) => this.#receive(() => this.#splitter.push(chunk)),
      onFrame: (frame: Uint8Array) => this.#receive(() => [frame.subarray(headerBytes)]),
      onClose: (cause?: Error) => this.#close(cause),
    };
    socket.setNoDelay(true);
    this.#socket = openWireSocket(socket, bytes) ?? new StreamSocket(socket, bytes);
  }

  get bytesReceived(): number {
    return this.#socket.received;
  }

  /** Received and sent bytes together. */
  get bytesMoved(): number {
    return this.#socket.received + this.#socket.sent;
  }

  /** Undefined if frames cannot be exchanged over this socket. */
  get wire(): Wire | undefined {
    return this.#ending ? undefined : this.#socket.wire;
  }

  /** Accepts frames up to `maxFrameBytes` from now on, and lets calls be served. */
  trust(): void {
    this.#splitter.maxBytes = this.#maxFrameBytes;
    if (this.#options.serving !== undefined) this.#socket.serve(this.#options.serving);
  }

  /** Whether a call with this id is being served and has not run yet. */
  hasServed(id: number): boolean {
    return this.#socket.hasServed(id);
  }

  /** Drops a call that is being served and has not run yet. Returns false if there is none. */
  cancelServed(id: number): boolean {
    const isDropped = this.#socket.cancelServed(id);
    if (isDropped) this.#options.serving?.noteCancelled();
    return isDropped;
  }

  /** Throws `invalid` if the message cannot be encoded. Does nothing on a closed socket. */
  send(message: Message): void {
    const frame = encodeMessage(message, headerBytes);
    writeFrameHeader(frame, this.#maxFrameBytes);
    if (!this.#ending) this.#socket.write(frame);
  }

  /** Closes the socket when everything has been sent. `error`: sent to the peer in a last notification. */
  end(error?: RpcError): void {
    if (this.#ending) return;
    if (error !== undefined) {
      this.#reason ??= error;
      this.send({ type: 'notification', method: 'error', params: errorToValue(error) });
    }
    this.#ending = true;
    this.#socket.end();
    this.#callOffCut = afterSockets(LAST_MESSAGE_MS, () => this.#socket.destroy());
  }

  destroy(reason: RpcError): void {
    this.#ending = true;
    this.#reason ??= reason;
    this.#socket.destroy();
  }

  #close(cause: Error | undefined): void {
    this.#callOffCut();
    this.#ending = true;
    if (cause instanceof RpcError) this.#reason ??= cause;
    else if (cause !== undefined) {
      this.#reason ??= new RpcError(lossCode(cause), `connection failed: ${cause.message}`, { cause });
    }
    this.#options.onClose(this.#reason ?? new RpcError('unavailable', 'the peer closed the connection'));
  }

  #receive(framesOf: () => Uint8Array[]): void {
    try {
      for (const frame of framesOf()) {
        if (this.#ending) return;
        this.#deliver(decodeMessage(frame));
      }
    } catch (cause) {
      this.end(toRpcError(cause));
    }
  }

  /** A peer sends the notification `error` before it closes the connection. Pending calls fail with this error. */
  #deliver(message: Message): void {
    if (message.type === 'notification' && message.method === 'error')
      this.destroy(parseError(message.params));
    else this.#options.onMessage(message);
  }
}
