// Sends and receives messages as frames over one socket. Knows no calls and no methods.
import type { Socket } from 'node:net';
import { decodeMessage, encodeMessage } from '../codec.ts';
import { afterSockets } from '../deadline.ts';
import { RpcError, toRpcError } from '../errors.ts';
import { defaultFrameBytes, FrameSplitter, headerBytes, writeFrameHeader } from '../frame.ts';
import { errorToValue, type Message, parseError } from '../messages.ts';
import { lossCode } from '../security/tls.ts';

export interface MessageSocketOptions {
  /** Default: `defaultFrameBytes`. */
  maxFrameBytes?: number | undefined;
  /** Largest frame before `trust` is called. Default: `maxFrameBytes`. */
  untrustedFrameBytes?: number;
  onMessage: (message: Message) => void;
  /** Called exactly once, when the socket has closed for any reason. */
  onClose: (error: RpcError) => void;
}

/** After `end`, how long the peer may take to read the last message before the connection is cut. */
const LAST_MESSAGE_MS = 1_000;
/** The connection is cut if the unsent bytes exceed this multiple of the largest frame. */
const MAX_UNREAD_FRAMES = 4;

export class MessageSocket {
  readonly #socket: Socket;
  readonly #options: MessageSocketOptions;
  readonly #maxFrameBytes: number;
  readonly #splitter: FrameSplitter;
  #ending = false;
  #reason: RpcError | undefined;

  constructor(socket: Socket, options: MessageSocketOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#maxFrameBytes = options.maxFrameBytes ?? defaultFrameBytes;
    this.#splitter = new FrameSplitter(
      Math.min(options.untrustedFrameBytes ?? this.#maxFrameBytes, this.#maxFrameBytes),
    );
    socket.setNoDelay(true);
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    socket.on('error', (cause) => {
      this.#reason ??= new RpcError(lossCode(cause), `connection failed: ${cause.message}`, { cause });
    });
    socket.on('close', () => {
      options.onClose(this.#reason ?? new RpcError('unavailable', 'the peer closed the connection'));
    });
  }

  get bytesReceived(): number {
    return this.#socket.bytesRead;
  }

  /** Accepts frames up to `maxFrameBytes` from now on. */
  trust(): void {
    this.#splitter.maxBytes = this.#maxFrameBytes;
  }

  /** Throws `invalid` if the message cannot be encoded. Does nothing on a closed socket. */
  send(message: Message): void {
    const frame = encodeMessage(message, headerBytes);
    writeFrameHeader(frame, this.#maxFrameBytes);
    if (this.#ending || !this.#socket.writable) return;
    this.#socket.write(frame);
    if (this.#socket.writableLength > MAX_UNREAD_FRAMES * this.#maxFrameBytes) {
      this.destroy(new RpcError('unavailable', 'the peer does not read what it is sent'));
    }
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
    const callOff = afterSockets(LAST_MESSAGE_MS, () => this.#socket.destroy());
    this.#socket.once('close', callOff);
  }

  destroy(reason: RpcError): void {
    this.#ending = true;
    this.#reason ??= reason;
    this.#socket.destroy();
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const frame of this.#splitter.push(chunk)) {
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
