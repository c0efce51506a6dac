// A listening socket, plain or with TLS. Reports TLS connections after their handshake, with the result of the certificate check.
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { RpcError } from '../errors.ts';
import type { Strangers } from '../security/strangers.ts';
import { refusalOf, serverTlsOptions, type TlsIdentity } from '../security/tls.ts';

export interface ListenerOptions {
  tls: TlsIdentity | undefined;
  /** Deadline of a TLS handshake. */
  handshakeMs: number;
  /** Limits the connections whose caller is not authenticated. A connection counts as one of them during its handshake. */
  strangers: Strangers;
  /** If there is a `refusal`, the receiver must send it to the caller and close the connection. */
  onConnection: (socket: Socket, refusal?: RpcError) => void;
  /** Called when a TLS handshake has failed. */
  onFailure: (error: RpcError, socket: Socket) => void;
}

export interface Listener {
  server: Server;
  /** Cuts connections that are still in their handshake, because a closing server would wait for them. */
  cutHandshakes(): void;
}

export function createListener({
  tls,
  handshakeMs,
  strangers,
  onConnection,
  onFailure,
}: ListenerOptions): Listener {
  if (tls === undefined) {
    return { server: createServer((socket) => onConnection(socket)), cutHandshakes() {} };
  }
  /** By the caller's address and port, which the plain socket and its TLS socket share. */
  const handshakes = new Map<string, { socket: Socket; end: () => void }>();
  let material = tls.material();
  const server = createTlsServer({ ...serverTlsOptions(material), handshakeTimeout: handshakeMs });

  function freshen(): void {
    const current = tls?.material() ?? material;
    if (current === material) return;
    server.setSecureContext(serverTlsOptions(current));
    material = current;
  }

  // Must run before Node's own listener, which starts the handshake.
  server.prependListener('connection', (socket: Socket) => {
    freshen();
    const caller = callerOf(socket);
    const known = strangers.add(() => socket.destroy());
    const end = () => {
      known();
      handshakes.delete(caller);
    };
    handshakes.set(caller, { socket, end });
    socket.once('close', end);
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    handshakes.get(callerOf(socket))?.end(); // `onConnection` adds the caller to the strangers again
    onConnection(socket, refusalOf(socket, tls.peers));
  });
  server.on('tlsClientError', (cause: Error, socket: TLSSocket) => {
    onFailure(new RpcError('unproven', `TLS failed: ${cause.message}`, { cause }), socket);
    socket.destroy(); // Node does not do this after a handshake that took too long
  });
  return {
    server,
    cutHandshakes() {
      for (const { socket } of handshakes.values()) socket.destroy();
    },
  };
}

function callerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
