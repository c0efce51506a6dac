// One socket that carries messages: frames in and out, and exactly one end. Knows no calls and no methods.
import type { Socket } from 'node:net';
import { decodeMessage, encodeMessage } from '../codec.ts';
import { afterSockets } from '../deadline.ts';
import { RpcError, toRpcError } from '../errors.ts';
import { defaultFrameBytes, FrameSplitter, headerBytes, writeFrameHeader } from '../frame.ts';
import { errorToValue, type Message, parseError } from '../messages.ts';
import { lossCode } from '../security/tls.ts';

export interface MessageSocketOptions {
  maxFrameBytes?: number;
  /** Of frames that come before `trust` is called; as `maxFrameBytes` unless given. */
  untrustedFrameBytes?: number;
  onMessage: (message: Message) => void;
  /** Called once, whatever ended it. */
  onClose: (error: RpcError) => void;
}

/** How long a peer may take to read the last words before the connection is cut. */
const lastWordsMs = 1_000;
/** Frames of the largest size that may wait for a peer that does not read. */
const maxUnreadFrames = 4;

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

  /** From now on frames up to `maxFrameBytes` are taken. */
  trust(): void {
    this.#splitter.maxBytes = this.#maxFrameBytes;
  }

  /** Throws `invalid` if the message cannot travel; a closed socket takes it without a word. */
  send(message: Message): void {
    const frame = encodeMessage(message, headerBytes);
    writeFrameHeader(frame, this.#maxFrameBytes);
    if (this.#ending || !this.#socket.writable) return;
    this.#socket.write(frame);
    if (this.#socket.writableLength > maxUnreadFrames * this.#maxFrameBytes) {
      this.destroy(new RpcError('unavailable', 'the peer does not read what it is sent'));
    }
  }

  /** Closes once everything sent is out. With `error`, the peer is told it in a last notification. */
  end(error?: RpcError): void {
    if (this.#ending) return;
    if (error !== undefined) {
      this.#reason ??= error;
      this.send({ type: 'notification', method: 'error', params: errorToValue(error) });
    }
    this.#ending = true;
    this.#socket.end();
    const callOff = afterSockets(lastWordsMs, () => this.#socket.destroy());
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

  /** `error` is the peer's last word before it closes: the reason that everyone waiting is given. */
  #deliver(message: Message): void {
    if (message.type === 'notification' && message.method === 'error')
      this.destroy(parseError(message.params));
    else this.#options.onMessage(message);
  }
}
