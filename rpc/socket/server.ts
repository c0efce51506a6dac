// Listens, gives each connection a session, and drains before it closes. Knows no experts.
import type { Server, Socket } from 'node:net';
import type { Address } from '../address.ts';
import { afterSockets } from '../deadline.ts';
import { RpcError, type RpcErrorCode } from '../errors.ts';
import { HelloGate } from '../security/hello-gate.ts';
import type { Security } from '../security/security.ts';
import { Strangers } from '../security/strangers.ts';
import { channelOf, peerNamesOf } from '../security/tls.ts';
import type { Handlers, Params } from '../transport.ts';
import { createListener } from './listener.ts';
import { Session } from './session.ts';
import { MessageSocket } from './socket.ts';

export interface ServerOptions {
  handlers: Handlers;
  host?: string;
  /** 0 takes a free one; `address` tells which. */
  port?: number;
  /** Whoever connects must prove what this asks for; without it, anyone is let in. */
  security?: Security;
  /** Of peers that have proven themselves, or said hello where no proof is asked for. */
  maxConnections?: number;
  /** Of those that have not: the oldest of them gives way to a new one. They are no part of `maxConnections`. */
  maxStrangers?: number;
  maxFrameBytes?: number;
  /** Of frames that come before hello is answered: a stranger must not make this side hold more. */
  helloFrameBytes?: number;
  /** Unanswered calls a connection may have; one more is answered `busy`. */
  maxRunning?: number;
  /** A connection must say hello within this time. */
  helloMs?: number;
  /** A connection without a byte for so long is cut: callers ping far more often. */
  idleMs?: number;
  onError?: (error: RpcError, method: string) => void;
  /** Told of callers that are not let in: `unproven` ones, and with `busy` those beyond what may be open. */
  onRefused?: (error: RpcError, from: string) => void;
}

export interface RpcServer {
  readonly address: Address;
  /** Connections that have said hello. */
  readonly peers: number;
  /** One for each connection that has said hello. */
  callers(): ConnectedCaller[];
  /** Tells every peer. */
  broadcast(method: string, params: Params): void;
  /** Takes no more calls, lets running ones end for at most `graceMs`, then closes every connection. */
  close(options?: { graceMs?: number }): Promise<void>;
}

/** Who is at the other end of one connection. */
export interface ConnectedCaller {
  /** What it said in its hello. */
  hello: Params;
  /** Aborts when the connection ends; the same object that handlers are given for its calls. */
  connection: AbortSignal;
  notify(method: string, params: Params): void;
}

interface Peer {
  session: Session;
  socket: MessageSocket;
  /** It has proven itself, and been let in. */
  admitted: boolean;
}

/** Why a connection ended, where its caller was not let in. */
const refusals: ReadonlySet<RpcErrorCode> = new Set(['unproven', 'busy']);

export async function listen({
  handlers,
  host = '127.0.0.1',
  port = 0,
  security: { secret, tls } = {},
  maxConnections = 256,
  maxStrangers = 64,
  maxFrameBytes,
  helloFrameBytes = 64 * 1024,
  maxRunning,
  helloMs = 5_000,
  idleMs = 30_000,
  onError,
  onRefused = () => {},
}: ServerOptions): Promise<RpcServer> {
  const peers = new Set<Peer>();
  const strangers = new Strangers(maxStrangers);
  const { server, cutHandshakes } = createListener({
    tls,
    handshakeMs: helloMs,
    strangers,
    onConnection: accept,
    onFailure: (error, { remoteAddress }) => onRefused(error, remoteAddress ?? 'unknown'),
  });
  // Room for those that are being closed; so many more are dropped unseen.
  server.maxConnections = maxConnections + 2 * maxStrangers;
  server.on('drop', (dropped) => onRefused(full(server.maxConnections), dropped?.remoteAddress ?? 'unknown'));

  function accept(socket: Socket, refusal?: RpcError): void {
    const from = socket.remoteAddress ?? 'unknown';
    const carrier = new MessageSocket(socket, {
      ...(maxFrameBytes === undefined ? {} : { maxFrameBytes }),
      untrustedFrameBytes: helloFrameBytes,
      onMessage: (message) => session.receive(message),
      onClose: (error) => {
        callOffHello();
        known();
        peers.delete(peer);
        session.abandon(error);
        if (refusals.has(error.code)) onRefused(error, from);
      },
    });
    const known = strangers.add(() => {
      const message = `${maxStrangers} connections have not proven themselves, and this was the first of them`;
      carrier.destroy(new RpcError('busy', message));
    });
    const session = new Session({
      handlers,
      onProven() {
        if ([...peers].filter(({ admitted }) => admitted).length >= maxConnections)
          throw full(maxConnections);
        peer.admitted = true;
        known();
      },
      gate: new HelloGate({
        ...(secret && { secret: secret() }),
        channel: channelOf(socket),
        names: peerNamesOf(socket),
      }),
      onOpen: () => carrier.trust(),
      send: (message) => carrier.send(message),
      refuse: (error) => carrier.end(error),
      ...(maxRunning === undefined ? {} : { maxRunning }),
      ...(onError === undefined ? {} : { onError }),
    });
    const peer: Peer = { session, socket: carrier, admitted: false };
    peers.add(peer);
    const callOffHello = afterSockets(helloMs, () => {
      if (!session.open) carrier.end(new RpcError('invalid', `no hello within ${helloMs} ms`));
    });
    socket.setTimeout(idleMs, () => carrier.destroy(new RpcError('unavailable', `silent for ${idleMs} ms`)));
    if (refusal === undefined) return;
    session.abandon(refusal);
    carrier.end(refusal);
  }

  function broadcast(method: string, params: Params): void {
    for (const { session, socket } of peers) {
      if (session.open) socket.send({ type: 'notification', method, params });
    }
  }

  let closing: Promise<void> | undefined;
  async function drain(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    broadcast('draining', {});
    for (const { session } of peers) session.drain();
    const allIdle = Promise.all([...peers].map(({ session }) => session.idle()));
    await Promise.race([allIdle, new Promise<void>((resolve) => afterSockets(graceMs, () => resolve()))]);
    const reason = new RpcError('unavailable', 'the peer has left service');
    for (const { session, socket } of peers) {
      session.abandon(reason); // what outlasted the grace
      socket.end(reason);
    }
    cutHandshakes();
    await closed;
  }

  await bind(server, host, port);
  const bound = server.address();
  if (bound === null || typeof bound === 'string')
    throw new Error('the server is not bound to a TCP address');
  return {
    address: { host, port: bound.port },
    get peers() {
      return [...peers].filter(({ session }) => session.open).length;
    },
    callers: () =>
      [...peers]
        .filter(({ session }) => session.open)
        .map(({ session, socket }) => ({
          hello: session.hello,
          connection: session.connection,
          notify: (method, params) => socket.send({ type: 'notification', method, params }),
        })),
    broadcast,
    close({ graceMs = 10_000 } = {}) {
      closing ??= drain(graceMs);
      return closing;
    },
  };
}

function full(connections: number): RpcError {
  return new RpcError('busy', `${connections} connections are open, which is the limit`);
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === 'EADDRINUSE' ? 'the port is in use' : cause.message;
      reject(new Error(`cannot listen on ${host}:${port}: ${reason}`, { cause }));
    });
    server.listen({ host, port }, resolve);
  });
}
