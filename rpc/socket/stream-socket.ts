// A socket of Node, plain or with TLS. It has no fast path.
import type { Socket } from 'node:net';
import { type ByteSocket, type ByteSocketOptions, unreadError } from './byte-socket.ts';

export class StreamSocket implements ByteSocket {
  readonly wire = undefined;
  readonly #socket: Socket;
  readonly #mostUnsent: number;
  #cause: Error | undefined;

  constructor(socket: Socket, { onBytes, onClose, mostUnsent }: ByteSocketOptions) {
    this.#socket = socket;
    this.#mostUnsent = mostUnsent;
    socket.on('data', onBytes);
    socket.on('error', (cause) => {
      this.#cause ??= cause;
    });
    socket.on('close', () => onClose(this.#cause));
  }

  get received(): number {
    return this.#socket.bytesRead;
  }

  get sent(): number {
    return this.#socket.bytesWritten;
  }

  write(bytes: Uint8Array): void {
    if (!this.#socket.writable) return;
    this.#socket.write(bytes);
    if (this.#socket.writableLength > this.#mostUnsent) this.destroy(unreadError());
  }

  end(): void {
    this.#socket.end();
  }

  destroy(cause?: Error): void {
    this.#cause ??= cause;
    this.#socket.destroy();
  }

  serve(): void {}

  hasServed(): boolean {
    return false;
  }

  cancelServed(): boolean {
    return false;
  }
}
