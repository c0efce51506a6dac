// Puts an application on a port, and takes it off again without dropping what is under way. Knows no routes.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import { badRequest, toApiError } from './errors.ts';

export interface ServeOptions {
  app: { fetch: (request: Request) => Response | Promise<Response> };
  /** 0 takes any free port. */
  port: number;
  host?: string;
}

export interface ApiServer {
  readonly host: string;
  readonly port: number;
  /** Requests under way. */
  readonly open: number;
  /** Takes no new connections, lets requests under way end for at most `graceMs`, then cuts them. Gives how many were cut. */
  close(graceMs: number): Promise<number>;
}

/** A peer that vanished without a word is found out by probes of the kernel's. */
const KEEP_ALIVE_PROBE_MS = 30_000;

/** Resolves once the port is bound; rejects where it cannot be. */
export async function serve({ app, port, host = '127.0.0.1' }: ServeOptions): Promise<ApiServer> {
  const requests = new Map<Socket, number>();
  let open = 0;
  let closing: Promise<number> | undefined;

  const listener = getRequestListener((request) => app.fetch(request), {
    overrideGlobalObjects: false,
    errorHandler: refuse,
  });
  const server = createServer((incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { socket } = incoming;
    open++;
    requests.set(socket, (requests.get(socket) ?? 0) + 1);
    if (closing !== undefined) outgoing.shouldKeepAlive = false;
    outgoing.once('close', () => {
      open--;
      const left = (requests.get(socket) ?? 1) - 1;
      if (!socket.destroyed) requests.set(socket, left);
      if (closing !== undefined && left === 0) socket.destroySoon();
    });
    void listener(incoming, outgoing);
  });
  server.on('connection', (socket: Socket) => {
    socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
    requests.set(socket, 0);
    socket.once('close', () => requests.delete(socket));
  });

  async function drain(graceMs: number): Promise<number> {
    const closed = once(server, 'close');
    server.close();
    // Connections without a request would hold the server open; the protocol lets a server end them at any time.
    for (const [socket, count] of requests) if (count === 0) socket.destroy();
    let cut = 0;
    const timer = setTimeout(() => {
      cut = open;
      for (const socket of requests.keys()) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(timer);
    return cut;
  }

  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return {
    host,
    port: address.port,
    get open() {
      return open;
    },
    close(graceMs) {
      closing ??= drain(graceMs);
      return closing;
    },
  };
}

/** For requests that no application could be given: a Host or a target that makes no URL. */
function refuse(thrown: unknown): Response {
  const error = thrown instanceof RequestError ? badRequest(thrown.message) : toApiError(thrown);
  return Response.json(error.envelope, { status: error.status });
}
