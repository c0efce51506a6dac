// The calling end of one socket: connects within a deadline, makes calls, and detects a silent peer by pings. Does not say hello.
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address } from '../address.ts';
import { Caller } from '../caller.ts';
import { afterSockets } from '../deadline.ts';
import { RpcError, toRpcError } from '../errors.ts';
import { isMap, type Message } from '../messages.ts';
import { channelOf, clientTlsOptions, lossCode, type TlsIdentity } from '../security/tls.ts';
import type { CallOptions, Line, Params, TransportEvents, Value } from '../transport.ts';
import { MessageSocket } from './socket.ts';

export interface ConnectionOptions extends TransportEvents {
  /** Encrypts the connection; both ends are authenticated by certificates. */
  tls?: TlsIdentity | undefined;
  /** Deadline for connecting, including the TLS handshake. Default: 2 s. */
  connectMs?: number;
  maxFrameBytes?: number;
  /** How often an idle connection is pinged. Default: 1 s. */
  pingEveryMs?: number;
  /** Deadline of a ping. If no byte is received until then, the connection is closed. Default: 3 s. */
  silenceMs?: number;
  /** An abort ends the attempt to connect, or closes the connection. */
  signal?: AbortSignal;
}

export function openConnection(
  { host, port }: Address,
  { tls, connectMs = 2_000, signal, ...options }: ConnectionOptions = {},
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new RpcError('cancelled', 'connecting was cancelled'));
    const socket =
      tls === undefined ? connect({ host, port }) : connectTls(clientTlsOptions({ host, port }, tls));
    const callOff = afterSockets(connectMs, () => {
      socket.destroy(new Error(`no connection within ${connectMs} ms`));
    });
    const onAbort = () => socket.destroy(new Error('cancelled'));
    const release = () => {
      callOff();
      signal?.removeEventListener('abort', onAbort);
    };
    const onFailure = (cause: Error) => {
      release();
      const message = `cannot connect to ${host}:${port}: ${cause.message}`;
      reject(new RpcError(lossCode(cause), message, { cause }));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onFailure);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      release();
      socket.off('error', onFailure);
      const connection = new Connection(socket, options);
      const close = () => connection.close();
      signal?.addEventListener('abort', close, { once: true });
      connection.onceClosed(() => signal?.removeEventListener('abort', close));
      resolve(connection);
    });
  });
}

/** How long a connection waits for messages that are on their way, when the other connection to the peer is lost. */
const LAST_MESSAGES_MS = 50;

export class Connection {
  /** `[32]`, identifies the TLS connection; zeros without TLS. */
  readonly channel: Uint8Array;
  readonly #socket: MessageSocket;
  readonly #caller: Caller;
  readonly #events: TransportEvents;
  #callOffPing: () => void = () => {};
  #closed = false;
  #line: Line | undefined;
  #onceClosed: () => void = () => {};

  constructor(
    socket: Socket,
    { maxFrameBytes, pingEveryMs = 1_000, silenceMs = 3_000, ...events }: ConnectionOptions,
  ) {
    this.#events = events;
    this.channel = channelOf(socket);
    this.#socket = new MessageSocket(socket, {
      maxFrameBytes,
      onMessage: (message) => this.#receive(message),
      onClose: (error) => {
        this.#onceClosed();
        this.#lost(error);
      },
    });
    this.#caller = new Caller((message) => this.#socket.send(message));
    this.#pingWhenIdle(pingEveryMs, silenceMs, this.#socket.bytesReceived);
  }

  call(method: string, params: Params, options: CallOptions): Promise<Value> {
    return this.#caller.call(method, params, options);
  }

  /** Undefined if frames cannot be exchanged over this connection. */
  get line(): Line | undefined {
    const wire = this.#closed ? undefined : this.#socket.wire;
    if (wire === undefined) return undefined;
    this.#line ??= {
      wire,
      nextId: () => this.#caller.nextId(),
      answerTo: (id, method, options) => this.#caller.answerTo(id, method, options),
    };
    return this.#line;
  }

  /** Calls `done` when the socket has closed. */
  onceClosed(done: () => void): void {
    this.#onceClosed = done;
  }

  notify(method: string, params: Params): void {
    this.#socket.send({ type: 'notification', method, params });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#callOffPing();
    this.#caller.fail(new RpcError('unavailable', 'the connection was closed by this side'));
    this.#socket.end();
  }

  /**
   * To be called when the other connection to the peer is lost for `reason`. Takes no more calls, and closes after a short time,
   * because answers and notifications may have arrived already and wait to be read.
   */
  closeSoon(reason: RpcError): void {
    this.#caller.refuse(reason);
    afterSockets(LAST_MESSAGES_MS, () => this.#lost(reason, false));
  }

  #receive(message: Message): void {
    switch (message.type) {
      case 'response':
        this.#caller.settle(message);
        return;
      case 'notification':
        if (!this.#closed && isMap(message.params))
          this.#events.onNotification?.(message.method, message.params);
        return;
      case 'request':
        throw new RpcError('invalid', 'a request came to the side that calls');
    }
  }

  #lost(error: RpcError, byPeer = true): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#callOffPing();
    this.#caller.fail(error);
    if (byPeer) this.#events.onClose?.(error);
    else this.#socket.end();
  }

  /** `seen`: `bytesReceived` at the last look. Pings only if it is the same now, because every byte shows that the peer is alive. */
  #pingWhenIdle(everyMs: number, silenceMs: number, seen: number): void {
    this.#callOffPing = afterSockets(everyMs, async () => {
      if (this.#closed) return;
      const received = this.#socket.bytesReceived;
      if (received === seen) {
        try {
          await this.#caller.call('ping', {}, { deadlineMs: silenceMs });
        } catch (error) {
          const { code, message } = toRpcError(error);
          // If bytes have come meanwhile, the peer is alive and is sending a large answer.
          if (code === 'deadline' && this.#socket.bytesReceived === received) {
            return this.#socket.destroy(new RpcError('unavailable', `the peer is silent: ${message}`));
          }
        }
      }
      if (!this.#closed) this.#pingWhenIdle(everyMs, silenceMs, this.#socket.bytesReceived);
    });
  }
}
