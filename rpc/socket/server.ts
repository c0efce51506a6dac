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
import type { CallServing } from './serving.ts';
import { MessageSocket } from './socket.ts';

/** Default of `maxConnections`. */
export const MOST_CONNECTIONS = 256;

export interface ServerOptions {
  handlers: Handlers;
  /** Answers some calls without the handlers. */
  serving?: CallServing | undefined;
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
  readonly #mostOpen: number;
  #admitted = 0;
  /** Accepted connections whose socket has not closed yet. */
  #open = 0;
  #onAllClosed: () => void = () => {};
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
    // The factor 2 leaves room for connections that are being closed.
    this.#mostOpen = maxConnections + 2 * maxStrangers;
    // Node drops connections beyond this limit. It counts handshakes, but no connection that the addon has taken over.
    const { server } = this.#listener;
    server.maxConnections = this.#mostOpen;
    server.on('drop', (dropped) => onRefused(full(this.#mostOpen), dropped?.remoteAddress ?? 'unknown'));
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
    const { serving } = this.#options;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    serving?.stop();
    await this.#peers.drain(graceMs, serving?.ended());
    cutHandshakes();
    await closed;
    await new Promise<void>((resolve) => {
      this.#onAllClosed = resolve;
      if (this.#open === 0) resolve();
    });
  }

  #accept(socket: Socket, refusal?: RpcError): void {
    const { maxStrangers, maxConnections, helloMs, idleMs, onRefused } = this.#options;
    const { maxFrameBytes, helloFrameBytes } = this.#options;
    const from = socket.remoteAddress ?? 'unknown';
    if (this.#open >= this.#mostOpen) {
      socket.destroy();
      onRefused(full(this.#mostOpen), from);
      return;
    }
    this.#open++;
    let isAdmitted = false;
    const gate = this.#gateFor(socket);
    const carrier = new MessageSocket(socket, {
      maxFrameBytes,
      untrustedFrameBytes: helloFrameBytes,
      serving: this.#options.serving,
      onMessage: (message) => session.receive(message),
      onClose: (error) => {
        callOffHello();
        callOffIdle();
        known();
        remove();
        this.#open--;
        if (this.#open === 0) this.#onAllClosed();
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
    const session = this.#sessionOn(gate, carrier, admit);
    const remove = this.#peers.add({
      session,
      send: (message) => carrier.send(message),
      end: (reason) => carrier.end(reason),
    });
    const callOffHello = afterSockets(helloMs, () => {
      if (!session.open) carrier.end(new RpcError('invalid', `no hello within ${helloMs} ms`));
    });
    const callOffIdle = whenIdle(carrier, idleMs, () => {
      carrier.destroy(new RpcError('unavailable', `silent for ${idleMs} ms`));
    });
    if (refusal === undefined) return;
    session.abandon(refusal);
    carrier.end(refusal);
  }

  /** Must be made before the addon takes the socket over. */
  #gateFor(socket: Socket): HelloGate {
    return new HelloGate({
      secret: this.#options.security?.secret?.(),
      channel: channelOf(socket),
      names: peerNamesOf(socket),
    });
  }

  #sessionOn(gate: HelloGate, carrier: MessageSocket, onAuthenticated: () => void): Session {
    const { handlers, maxRunning, onError } = this.#options;
    return new Session({
      handlers,
      onAuthenticated,
      gate,
      onOpen: () => carrier.trust(),
      hasServed: (id) => carrier.hasServed(id),
      cancelServed: (id) => carrier.cancelServed(id),
      send: (message) => carrier.send(message),
      refuse: (error) => carrier.end(error),
      maxRunning,
      onError,
    });
  }
}

/** Calls `act` once no byte has moved for `idleMs`, or up to a quarter longer. Returns a function that stops watching. */
function whenIdle(carrier: MessageSocket, idleMs: number, act: () => void): () => void {
  let moved = carrier.bytesMoved;
  let movedAt = performance.now();
  let callOff = () => {};
  const look = (now: number) => {
    if (carrier.bytesMoved !== moved) [moved, movedAt] = [carrier.bytesMoved, now];
    else if (now - movedAt >= idleMs) return act();
    callOff = afterSockets(idleMs / 4, look);
  };
  look(movedAt);
  return () => callOff();
}

function full(connections: number): RpcError {
  return new RpcError('busy', `${connections} connections are open, which is the limit`);
}
