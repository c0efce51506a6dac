// Serves an application on a port, and stops without dropping the requests under way.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import { ApiError, badRequest, toApiError } from './errors.ts';

export interface ServeOptions {
  app: { fetch: (request: Request) => Response | Promise<Response> };
  /** 0 selects any free port. */
  port: number;
  host?: string;
  connections?: Partial<ConnectionLimits>;
}

export interface ConnectionLimits {
  /** How long a connection stays open after its last answer. The header `Keep-Alive` announces it. */
  keepAliveMs: number;
  /** Largest number of idle connections. Beyond it, the one that has been idle longest is closed. */
  idle: number;
  /** Time for the headers of a request, from its first byte or from the start of a new connection. After it the answer is a 408. */
  headersMs: number;
  /** Time for a whole request, such as a slow upload. After it the answer is a 408. */
  requestMs: number;
}

/**
 * Client pools keep connections for up to 90 s (Go) and reuse them without a check, so a server that closes a connection sooner
 * may reset a request. Most pools keep them for less (undici 4 s, aiohttp 15 s, nginx 60 s). 10 MiB in five minutes are 35 KB/s.
 */
export const defaultConnections: ConnectionLimits = {
  keepAliveMs: 75_000,
  idle: 1024,
  headersMs: 60_000,
  requestMs: 300_000,
};

export interface ApiServer {
  readonly host: string;
  readonly port: number;
  /** Number of requests under way. */
  readonly open: number;
  /** Closes every connection after its current or next answer. New connections are still accepted. */
  drain(): void;
  /** Resolves to whether no request is under way, as soon as that is so or after `withinMs`. */
  idle(withinMs: number): Promise<boolean>;
  /** Accepts no new connections, cuts the requests that have not ended after `graceMs`, and returns their number. */
  close(graceMs: number): Promise<number>;
}

/** How soon the kernel starts to probe a silent connection, to find out that its peer is gone. */
const KEEP_ALIVE_PROBE_MS = 30_000;

/** Resolves once the port is bound; rejects if it cannot be. */
export async function serve({
  app,
  port,
  host = '127.0.0.1',
  connections: given,
}: ServeOptions): Promise<ApiServer> {
  const limits = { ...defaultConnections, ...given };
  const connections = new Connections(limits.idle);
  const listener = getRequestListener((request) => app.fetch(request), {
    overrideGlobalObjects: false,
    errorHandler: refuse,
  });
  const server = createServer(timeouts(limits), (incoming: IncomingMessage, outgoing: ServerResponse) => {
    connections.addAnswer(incoming.socket, outgoing);
    void listener(incoming, outgoing);
  });
  server.on('connection', (socket: Socket) => connections.add(socket));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (socket.writable && !connections.hasBegunAnswer(socket)) socket.write(refusal(error));
    socket.destroySoon();
  });

  async function end(graceMs: number): Promise<number> {
    const closed = once(server, 'close');
    server.close();
    connections.refuse();
    await connections.allAnswered(graceMs);
    const cut = connections.cut();
    await closed;
    return cut;
  }

  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  let closing: Promise<number> | undefined;
  return {
    host,
    port: address.port,
    get open() {
      return connections.open;
    },
    drain: () => connections.drain(),
    idle: (withinMs) => connections.allAnswered(withinMs),
    close(graceMs) {
      closing ??= end(graceMs);
      return closing;
    },
  };
}

/** The sockets of a server and the answers under way on each. */
class Connections {
  /** Number of answers under way. */
  open = 0;
  readonly #answers = new Map<Socket, Set<ServerResponse>>();
  /** Sockets without an answer under way; the one that has been idle longest comes first. */
  readonly #idle = new Set<Socket>();
  readonly #mostIdle: number;
  /** Called when no answer is under way any more. */
  readonly #waiters = new Set<() => void>();
  /** `draining`: a connection ends with its next answer. `refusing`: as well, and idle connections end at once. */
  #state: 'serving' | 'draining' | 'refusing' = 'serving';

  constructor(mostIdle: number) {
    this.#mostIdle = mostIdle;
  }

  add(socket: Socket): void {
    socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
    this.#answers.set(socket, new Set());
    this.#rest(socket);
    socket.once('close', () => {
      this.#answers.delete(socket);
      this.#idle.delete(socket);
    });
  }

  addAnswer(socket: Socket, answer: ServerResponse): void {
    const own = this.#answers.get(socket) ?? new Set();
    this.open++;
    own.add(answer);
    this.#idle.delete(socket);
    if (this.#state !== 'serving') answer.shouldKeepAlive = false;
    answer.once('close', () => {
      this.open--;
      own.delete(answer);
      if (this.open === 0) for (const tell of this.#waiters) tell();
      if (own.size > 0 || socket.destroyed) return;
      if (this.#state !== 'serving') socket.destroySoon();
      else this.#rest(socket);
    });
  }

  hasBegunAnswer(socket: Socket): boolean {
    return [...(this.#answers.get(socket) ?? [])].some((answer) => answer.headersSent);
  }

  drain(): void {
    if (this.#state === 'serving') this.#state = 'draining';
    for (const own of this.#answers.values()) for (const answer of own) answer.shouldKeepAlive = false;
  }

  /** Idle connections would hold the server open. HTTP lets a server close them at any time. */
  refuse(): void {
    this.drain();
    this.#state = 'refusing';
    for (const socket of this.#idle) socket.destroy();
  }

  /** Resolves to whether no answer is under way: as soon as that is so, or after `withinMs`. */
  allAnswered(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiters.delete(settle);
        resolve(this.open === 0);
      };
      const timer = setTimeout(settle, withinMs);
      this.#waiters.add(settle);
      if (this.open === 0) settle();
    });
  }

  /** Ends every connection if answers are still under way, and returns how many those are. */
  cut(): number {
    const { open } = this;
    if (open > 0) for (const socket of this.#answers.keys()) socket.destroy();
    return open;
  }

  #rest(socket: Socket): void {
    if (this.#state === 'refusing') return void socket.destroy();
    this.#idle.add(socket);
    const [longest] = this.#idle;
    if (this.#idle.size > this.#mostIdle) longest?.destroy();
  }
}

/** Longest interval between Node's checks for late requests. It is otherwise a fraction of the shortest limit. */
const LONGEST_CHECK_MS = 10_000;

function timeouts({ keepAliveMs, headersMs, requestMs }: ConnectionLimits) {
  return {
    keepAliveTimeout: keepAliveMs,
    /** Clients are told a shorter time than they have, so that a request that is sent at the end of it still arrives. */
    keepAliveTimeoutBuffer: 1_000,
    headersTimeout: Math.min(headersMs, requestMs),
    requestTimeout: requestMs,
    connectionsCheckingInterval: Math.min(LONGEST_CHECK_MS, Math.ceil(Math.min(headersMs, requestMs) / 4)),
  };
}

/** By Node's code. Any other fault is a 400. */
const faultsOfRequests: Record<string, { status: number; message: string }> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, message: 'Your request did not arrive in time.' },
  HPE_HEADER_OVERFLOW: { status: 431, message: 'The headers of your request are too large.' },
};

/** The whole HTTP answer to input that is not a valid HTTP request. */
function refusal({ code = '', message: why }: NodeJS.ErrnoException): string {
  const { status, message } = faultsOfRequests[code] ?? {
    status: 400,
    message: `Your request is not valid HTTP: ${why}`,
  };
  const body = JSON.stringify(new ApiError({ status, message }).envelope);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** Answers a request whose Host and target do not form a URL, so that the application cannot get it. */
function refuse(thrown: unknown): Response {
  const error = thrown instanceof RequestError ? badRequest(thrown.message) : toApiError(thrown);
  return Response.json(error.envelope, { status: error.status });
}
