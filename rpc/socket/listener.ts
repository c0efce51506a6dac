// A listening socket, plain or with TLS: hands over connections, those of TLS once their certificate is judged. Knows no
// frames.
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { RpcError } from '../errors.ts';
import type { Strangers } from '../security/strangers.ts';
import { refusalOf, serverTlsOptions, type TlsIdentity } from '../security/tls.ts';

export interface ListenerOptions {
  tls: TlsIdentity | undefined;
  /** A TLS handshake may take so long. */
  handshakeMs: number;
  /** Who is at one is among them. */
  strangers: Strangers;
  /** With `refusal`, the connection is to be told it and closed. */
  onConnection: (socket: Socket, refusal?: RpcError) => void;
  /** No connection came of it. */
  onFailure: (error: RpcError, socket: Socket) => void;
}

export interface Listener {
  server: Server;
  /** Cuts the connections whose handshake is under way: a server that closes waits for them otherwise. */
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
  /** By the caller's address and port, which the socket below TLS and the one above it share. */
  const handshakes = new Map<string, { socket: Socket; end: () => void }>();
  let material = tls.material();
  const server = createTlsServer({ ...serverTlsOptions(material), handshakeTimeout: handshakeMs });

  function freshen(): void {
    const current = tls?.material() ?? material;
    if (current === material) return;
    server.setSecureContext(serverTlsOptions(current));
    material = current;
  }

  // Before the listener by which node starts the handshake.
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
    handshakes.get(callerOf(socket))?.end(); // whoever takes it over counts it anew
    onConnection(socket, refusalOf(socket, tls.peers));
  });
  server.on('tlsClientError', (cause: Error, socket: TLSSocket) => {
    onFailure(new RpcError('unproven', `TLS failed: ${cause.message}`, { cause }), socket);
    socket.destroy(); // which node leaves to this listener where a handshake took too long
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
