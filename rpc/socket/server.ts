// Listens on a port, gives each connection a session, and drains before it closes. Knows no experts.
import type { Socket } from 'node:net';
import type { Address } from '../address.ts';
import { afterSockets } from '../deadline.ts';
import { RpcError, type RpcErrorCode } from '../errors.ts';
import { Peers } from '../peers.ts';
import type { Security } from '../security/credentials.ts';
import { HelloGate } from '../security/hello-gate.ts';
import { Strangers } from '../security/strangers.ts';
import { channelOf, peerNamesOf } from '../security/tls.ts';
import { Session } from '../session.ts';
import type { ConnectedCaller, Handlers, Params, TransportServer } from '../transport.ts';
import { createListener, type Listener } from './listener.ts';
import { MessageSocket } from './socket.ts';

/** Default of `maxConnections`. */
export const MOST_CONNECTIONS = 256;

export interface ServerOptions {
  handlers: Handlers;
  /** Default: 127.0.0.1. */
  host?: string;
  /** Default: 0, a free port. `RpcServer.address` has the port. */
  port?: number;
  /** Credentials that callers must show. Absent: every caller is accepted. */
  security?: Security;
  /** Most accepted callers. Further callers are refused with `busy`. Default: MOST_CONNECTIONS. */
  maxConnections?: number;
  /**
   * Most connections whose caller is not accepted yet. If there are more, the oldest one is closed. These connections do not
   * count towards `maxConnections`. Default: 64.
   */
  maxStrangers?: number;
  maxFrameBytes?: number;
  /** Largest frame before hello is answered, so that unauthenticated callers cannot use up memory. Default: 64 KiB. */
  helloFrameBytes?: number;
  /** Most unanswered calls of one connection. Further calls are answered with `busy`. Default: 1024. */
  maxRunning?: number;
  /** Deadline for a connection's hello. Default: 5 s. */
  helloMs?: number;
  /** A connection on which no byte moves for this time is cut. Callers ping far more often. Default: 30 s. */
  idleMs?: number;
  onError?: (error: RpcError, method: string) => void;
  /** Called for refused callers: with `unproven` if they lack the right credentials, with `busy` beyond a limit. */
  onRefused?: (error: RpcError, from: string) => void;
}

export interface RpcServer extends TransportServer {
  readonly address: Address;
}

const defaults = {
  maxConnections: MOST_CONNECTIONS,
  maxStrangers: 64,
  helloFrameBytes: 64 * 1024,
  helloMs: 5_000,
  idleMs: 30_000,
  onRefused: () => {},
};

/** Error codes of connections whose caller was refused. */
const refusals: ReadonlySet<RpcErrorCode> = new Set(['unproven', 'busy']);

export async function listen({
  host = '127.0.0.1',
  port = 0,
  ...options
}: ServerOptions): Promise<RpcServer> {
  const server = new SocketServer(options);
  await server.bind(host, port);
  return server;
}

class SocketServer implements RpcServer {
  address: Address = { host: '', port: 0 };
  readonly #options;
  readonly #peers = new Peers();
  readonly #strangers: Strangers;
  readonly #listener: Listener;
  #admitted = 0;
  #closing: Promise<void> | undefined;

  constructor(options: Omit<ServerOptions, 'host' | 'port'>) {
    this.#options = { ...defaults, ...options };
    const { maxConnections, maxStrangers, helloMs, onRefused, security } = this.#options;
    this.#strangers = new Strangers(maxStrangers);
    this.#listener = createListener({
      tls: security?.tls,
      handshakeMs: helloMs,
      strangers: this.#strangers,
      onConnection: (socket, refusal) => this.#accept(socket, refusal),
      onFailure: (error, { remoteAddress }) => onRefused(error, remoteAddress ?? 'unknown'),
    });
    // The factor 2 leaves room for connections that are being closed. Node drops connections beyond the limit.
    const { server } = this.#listener;
    server.maxConnections = maxConnections + 2 * maxStrangers;
    server.on('drop', (dropped) =>
      onRefused(full(server.maxConnections), dropped?.remoteAddress ?? 'unknown'),
    );
  }

  async bind(host: string, port: number): Promise<void> {
    const { server } = this.#listener;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => {
        const reason = cause.code === 'EADDRINUSE' ? 'the port is in use' : cause.message;
        reject(new Error(`cannot listen on ${host}:${port}: ${reason}`, { cause }));
      });
      server.listen({ host, port }, resolve);
    });
    const bound = server.address();
    if (bound === null || typeof bound === 'string')
      throw new Error('the server is not bound to a TCP address');
    this.address = { host, port: bound.port };
  }

  callers(): ConnectedCaller[] {
    return this.#peers.callers();
  }

  broadcast(method: string, params: Params): void {
    this.#peers.broadcast(method, params);
  }

  close({ graceMs = 10_000 } = {}): Promise<void> {
    this.#closing ??= this.#drain(graceMs);
    return this.#closing;
  }

  async #drain(graceMs: number): Promise<void> {
    const { server, cutHandshakes } = this.#listener;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await this.#peers.drain(graceMs);
    cutHandshakes();
    await closed;
  }

  #accept(socket: Socket, refusal?: RpcError): void {
    const { maxStrangers, maxConnections, helloMs, idleMs, onRefused } = this.#options;
    const { maxFrameBytes, helloFrameBytes } = this.#options;
    const from = socket.remoteAddress ?? 'unknown';
    let isAdmitted = false;
    const carrier = new MessageSocket(socket, {
      maxFrameBytes,
      untrustedFrameBytes: helloFrameBytes,
      onMessage: (message) => session.receive(message),
      onClose: (error) => {
        callOffHello();
        known();
        remove();
        if (isAdmitted) this.#admitted--;
        session.abandon(error);
        if (refusals.has(error.code)) onRefused(error, from);
      },
    });
    const known = this.#strangers.add(() => {
      const message = `${maxStrangers} connections have not proven themselves, and this was the first of them`;
      carrier.destroy(new RpcError('busy', message));
    });
    const admit = () => {
      if (this.#admitted >= maxConnections) throw full(maxConnections);
      this.#admitted++;
      isAdmitted = true;
      known();
    };
    const session = this.#sessionOn(socket, carrier, admit);
    const remove = this.#peers.add({
      session,
      send: (message) => carrier.send(message),
      end: (reason) => carrier.end(reason),
    });
    const callOffHello = afterSockets(helloMs, () => {
      if (!session.open) carrier.end(new RpcError('invalid', `no hello within ${helloMs} ms`));
    });
    socket.setTimeout(idleMs, () => carrier.destroy(new RpcError('unavailable', `silent for ${idleMs} ms`)));
    if (refusal === undefined) return;
    session.abandon(refusal);
    carrier.end(refusal);
  }

  #sessionOn(socket: Socket, carrier: MessageSocket, onAuthenticated: () => void): Session {
    const { handlers, security, maxRunning, onError } = this.#options;
    return new Session({
      handlers,
      onAuthenticated,
      gate: new HelloGate({
        secret: security?.secret?.(),
        channel: channelOf(socket),
        names: peerNamesOf(socket),
      }),
      onOpen: () => carrier.trust(),
      send: (message) => carrier.send(message),
      refuse: (error) => carrier.end(error),
      maxRunning,
      onError,
    });
  }
}

function full(connections: number): RpcError {
  return new RpcError('busy', `${connections} connections are open, which is the limit`);
}
